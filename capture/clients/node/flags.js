// Prints the flags of some people as posthog-node gets them: from the server, and by its own evaluation of the definitions.
// Arguments: host, project key, secret or personal key, file of people.
const fs = require('fs')
const { PostHog } = require('posthog-node')

async function main(host, token, personalApiKey, people) {
  const options = { host, flushAt: 1000, flushInterval: 0, disableGeoip: true, sendFeatureFlagEvent: false }
  const remote = new PostHog(token, options)
  const local = new PostHog(token, { ...options, personalApiKey, featureFlagsPollingInterval: 1e6 })
  for (const client of [remote, local]) client.on('error', (err) => { throw err })
  if (!await local.waitForLocalEvaluationReady()) throw new Error('no definitions')
  const answers = []
  for (const p of JSON.parse(fs.readFileSync(people))) {
    const context = { groups: p.groups, personProperties: p.properties, groupProperties: p.group_properties }
    const r = await remote.getAllFlagsAndPayloads(p.distinct_id, context)
    const l = await local.getAllFlagsAndPayloads(p.distinct_id, { ...context, onlyEvaluateLocally: true })
    answers.push({ remote: r.featureFlags, payloads: r.featureFlagPayloads, local: l.featureFlags, local_payloads: l.featureFlagPayloads })
  }
  const config = await local.getRemoteConfigPayload('remote-config')
  await Promise.all([remote.shutdown(10000), local.shutdown(10000)])
  console.log(JSON.stringify({ answers, config }))
}

main(...process.argv.slice(2)).catch((err) => { console.error(err); process.exit(1) })
