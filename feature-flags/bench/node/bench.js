// Times posthog-node for feature-flags/bench. A line in is {host, people}, from where to read definitions and whom to ask about, or {n}; the
// line out is {cpu}, the CPU time in ns of n local evaluations of all flags.
const readline = require("node:readline");
const { PostHog } = require("posthog-node");

let client, people;

async function measure(n) {
  const before = process.cpuUsage();
  for (let i = 0; i < n; i++) {
    const { id, properties } = people[i % people.length];
    await client.getAllFlags(id, { personProperties: properties, onlyEvaluateLocally: true });
  }
  const { user, system } = process.cpuUsage(before);
  return { cpu: (user + system) * 1000 };
}

async function answer(task) {
  if (!task.host) return measure(task.n);
  people = task.people;
  client = new PostHog("phc_bench", { host: task.host, personalApiKey: "phx_bench", featureFlagsPollingInterval: 3_600_000 });
  await client.waitForLocalEvaluationReady();
  for (const until = Date.now() + 500; Date.now() < until; ) await measure(5); // its compiler warms up
  return {};
}

let last = Promise.resolve();
readline
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    last = last.then(async () => process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n"));
  })
  .on("close", () => process.exit());
