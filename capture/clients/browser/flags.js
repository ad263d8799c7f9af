// Opens the page of flags once for each of some people, and prints the flags that posthog-js has there.
// Arguments: URL of the page, the browser's program, file of people.
const fs = require('fs')
const { chromium } = require('playwright-core')

async function flagsOf(browser, url, person) {
  const context = await browser.newContext()
  const page = await context.newPage()
  const errors = []
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.goto(url)
  const answer = await page.evaluate(async (p) => {
    await new Promise((resolve) => posthog.onFeatureFlags(resolve)) // those of a nobody, by itself
    posthog.identify(p.distinct_id)
    posthog.setPersonPropertiesForFlags(p.properties, false)
    for (const [type, key] of Object.entries(p.groups)) posthog.group(type, key)
    posthog.setGroupPropertiesForFlags(p.group_properties, false) // after the group, which forgets those of the one before
    for (;;) { // every change asks again, and the last answer counts
      const before = posthog.featureFlags.getFlagVariants()
      await new Promise((resolve) => { const stop = posthog.onFeatureFlags(() => { stop?.(); resolve() }); posthog.reloadFeatureFlags() })
      await new Promise((resolve) => setTimeout(resolve, 200))
      const after = posthog.featureFlags.getFlagVariants()
      if (JSON.stringify(before) === JSON.stringify(after)) break
    }
    const flags = posthog.featureFlags.getFlagVariants()
    const payloads = {}
    for (const key of Object.keys(flags)) {
      const payload = posthog.getFeatureFlagPayload(key)
      if (payload != null) payloads[key] = payload
    }
    return { remote: flags, payloads }
  }, person)
  await context.close()
  if (errors.length) throw new Error(`${url}: ${errors.join('\n')}`)
  return answer
}

async function main(url, executablePath, people) {
  const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox'] })
  try {
    const answers = []
    for (const person of JSON.parse(fs.readFileSync(people))) answers.push(await flagsOf(browser, url, person))
    console.log(JSON.stringify({ answers }))
  } finally {
    await browser.close()
  }
}

main(...process.argv.slice(2)).catch((error) => { console.error(error); process.exit(1) })
