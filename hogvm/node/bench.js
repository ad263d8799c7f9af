// Times programs for hogvm/bench: a line of JSON in, {programs, event, raw, cached, n}, and a line out, {ns, cpu, result}: the time of n rounds, and the CPU time.
// A round is what PostHog's host does: the globals decoded if they come as text, a call of exec for each program, and a new RE2 for each match,
// or, with cached, one for each pattern.
const readline = require("node:readline");
const crypto = require("node:crypto");
const { exec, convertHogToJS } = require("@posthog/hogvm");
const RE2 = require("re2");

const patterns = new Map();
const cachedMatch = (pattern, text) => {
  let re = patterns.get(pattern);
  if (!re) patterns.set(pattern, (re = new RE2(pattern)));
  return re.test(text);
};
const newMatch = (pattern, text) => new RE2(pattern).test(text);

const warm = new Set();

// warmed gives the compiler of Node half a second with a task before it counts.
function warmed(task) {
  const name = JSON.stringify([task.programs, task.raw, task.cached]);
  for (const until = Date.now() + 500; !warm.has(name) && Date.now() < until; ) measure({ ...task, n: 1 });
  warm.add(name);
  return measure(task);
}

function measure({ programs, event, raw, cached, n }) {
  const external = { crypto, regex: { match: cached ? cachedMatch : newMatch } };
  const decoded = event ? JSON.parse(event) : {};
  let result;
  const began = process.hrtime.bigint();
  const before = process.cpuUsage();
  for (let i = 0; i < n; i++) {
    const globals = raw ? JSON.parse(event) : decoded;
    let matches = 0;
    for (const program of programs) {
      const r = exec(program, { globals, external, timeout: 60_000, maxAsyncSteps: 0 });
      if (r.error) throw r.error;
      result = convertHogToJS(r.result);
      if (result === true) matches++;
    }
    if (programs.length > 1) result = matches;
  }
  const { user, system } = process.cpuUsage(before);
  return { ns: Number(process.hrtime.bigint() - began), cpu: (user + system) * 1000, result };
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(warmed(JSON.parse(line))) + "\n");
});
