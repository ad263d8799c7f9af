// Runs programs for the differential test: a line of JSON in, [{bytecode, globals}, …], and a line out, [{result | error | suspend, lines}, …].
// Stays in step with its caller: a line is answered before the next one is read.
const readline = require("node:readline");
const { exec, convertHogToJS } = require("@posthog/hogvm");
const crypto = require("node:crypto");
const RE2 = require("re2");

const external = {
  crypto,
  regex: {
    match: (pattern, text) => new RE2(pattern).test(text),
    extract: (pattern, text) => {
      const found = new RE2(pattern).exec(text);
      return found ? (found.length > 1 ? (found[1] ?? "") : found[0]) : "";
    },
  },
};

// portable makes a value that JSON can carry: numbers that are none become objects, cycles end, and an error without a payload has none.
function portable(v, above = []) {
  if (v === undefined) return null;
  if (typeof v === "number") {
    if (Number.isNaN(v)) return { $nan: true };
    return Number.isFinite(v) ? v : { $inf: Math.sign(v) };
  }
  if (typeof v !== "object" || v === null) return v;
  if (above.includes(v)) return "cycle";
  above = [...above, v];
  if (Array.isArray(v)) return Array.from(v, (e) => portable(e, above));
  const entries = Object.entries(v).filter(([k, e]) => e !== undefined && !(v.__hogError__ && k === "payload" && e === null));
  return Object.fromEntries(entries.map(([k, e]) => [k, portable(e, above)]));
}

// What has no length has the length undefined, which is not null to the VM, though it is to every host.
const functions = {
  length(...args) {
    if (args.length !== 1) throw new Error(`arity: ${args.length}`);
    return args[0].length ?? null;
  },
};

let lines = [];
console.log = (...parts) => lines.push(parts.join(" "));

// run goes through the suspensions of a program as well, its state as text in between: each sleep gives its argument back.
function run({ bytecode, globals, memory }) {
  lines = [];
  const options = { globals, external, functions, memoryLimit: memory, timeout: 60_000, maxAsyncSteps: 5 };
  const suspended = [];
  try {
    for (let input = bytecode; ; ) {
      const r = exec(input, options);
      if (r.error) throw r.error;
      if (r.finished) return { result: portable(convertHogToJS(r.result)), suspended, lines };
      suspended.push([r.asyncFunctionName, portable(r.asyncFunctionArgs)]);
      input = JSON.parse(JSON.stringify(r.state));
      input.stack.push(r.asyncFunctionArgs[0] ?? null);
    }
  } catch (e) {
    return { error: String(e.message), class: e.name, suspended, lines };
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(JSON.parse(line).map(run)) + "\n");
});
