// Sends one event of each kind through posthog-node to the host given as argument.
const { PostHog } = require('posthog-node')

async function main(host) {
  const client = new PostHog('phc_node', { host, flushAt: 20, flushInterval: 0, disableGeoip: false })
  client.on('error', (err) => { throw err })
  client.capture({ distinctId: 'node-user', event: 'node event', properties: { answer: 42, text: 'a "quoted" – text\n', nested: { list: [1, 2.5, null, true] } }, timestamp: new Date('2023-01-01T10:00:00.123Z') })
  client.identify({ distinctId: 'node-user', properties: { email: 'node@example.com' } })
  client.alias({ distinctId: 'node-user', alias: 'node-alias' })
  client.groupIdentify({ groupType: 'company', groupKey: 'acme', properties: { seats: 5 } })
  client.captureException(new Error('node failure'), 'node-user')
  for (let i = 0; i < 50; i++) client.capture({ distinctId: `node-${i}`, event: 'node bulk', properties: { i } })
  await client.shutdown(10000)
}

main(process.argv[2]).catch((err) => { console.error(err); process.exit(1) })
