// Opens the pages at the URL given as argument in the browser whose program is the second, and does there what a visitor does.
const { chromium } = require('playwright-core')

// visit opens a page of its own visitor, runs steps and leaves. It fails if the browser reports an error that was not asked for.
async function visit(browser, url, steps) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, locale: 'en-US', timezoneId: 'UTC' })
  const page = await context.newPage()
  const errors = []
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  page.on('requestfailed', (request) => errors.push(`${request.method()} ${request.url()}: ${request.failure().errorText}`))
  await page.goto(url)
  await steps(page)
  if (errors.length) throw new Error(`${url}: ${errors.join('\n')}`)
  await page.goto('about:blank') // posthog-js sends the rest with sendBeacon
  return page
}

// flagged waits for the flags that posthog-js fetches by itself: from then on events say which are active.
const flagged = (page) => page.evaluate(() => new Promise((resolve) => posthog.onFeatureFlags(() => resolve())))

async function packed(page) {
  await page.waitForFunction(() => posthog.sessionRecordingStarted())
  await flagged(page)
  const recorded = page.waitForResponse((response) => new URL(response.url()).pathname === '/s/')
  await page.evaluate(async () => { // at once, so that the recording is all of one person
    posthog.identify('browser-user', { email: 'browser@example.com' })
    posthog.group('company', 'acme', { seats: 5 })
    const surveys = await new Promise((resolve) => posthog.getSurveys(resolve, true))
    if (surveys.length) throw new Error(`surveys: ${JSON.stringify(surveys)}`)
    const flags = await new Promise((resolve) => { posthog.onFeatureFlags(resolve); posthog.reloadFeatureFlags() })
    if (flags.length) throw new Error(`flags: ${flags}`)
  })
  await page.click('#buy')
  await page.selectOption('#colour', 'blue')
  await page.click('#fail')
  await page.evaluate(() => posthog.capture('browser event', { answer: 42, text: 'a "quoted" – text\n', nested: { list: [1, 2.5, null, true] } }))
  await recorded
}

async function plain(page) {
  await page.waitForFunction(() => posthog.get_property('$autocapture_disabled_server_side') === false) // it has its configuration
  await flagged(page)
  const sent = page.waitForResponse((response) => response.request().postData()?.includes('plain event'))
  await page.evaluate(() => posthog.capture('plain event', { answer: 42 }))
  await sent
}

async function main(url, executablePath) {
  const browser = await chromium.launch({ executablePath, args: ['--headless', '--no-sandbox'] })
  try {
    const pages = [await visit(browser, url, packed), await visit(browser, `${url}plain`, plain)]
    await new Promise((resolve) => process.stdin.on('end', resolve).resume()) // until the test has seen what was sent last
    await Promise.all(pages.map((page) => page.close()))
  } finally {
    await browser.close()
  }
}

main(process.argv[2], process.argv[3]).catch((error) => { console.error(error); process.exit(1) })
