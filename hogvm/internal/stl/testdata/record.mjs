// Records what @posthog/hogvm returns for the calls in node_calls.txt, one a line, and rewrites that file:
//
//	npm install @posthog/hogvm@1.0.71 && TZ=UTC node record.mjs
//
// Arguments are compiled to bytecode here, in the order of the source, as Hog's compiler does.
import crypto from 'node:crypto'
import fs from 'node:fs'
import hogvm from '@posthog/hogvm'

const file = new URL('node_calls.txt', import.meta.url)

function compile(source) {
    let rest = source
    const take = (token) => {
        rest = rest.trimStart()
        if (!rest.startsWith(token)) {
            return false
        }
        rest = rest.slice(token.length)
        return true
    }
    const string = () => {
        const [text] = /^\s*"(\\.|[^"\\])*"/.exec(rest)
        rest = rest.slice(text.length)
        return JSON.parse(text)
    }
    const list = (end, item) => {
        const code = []
        let n = 0
        for (; !take(end); n++) {
            code.push(...item())
            take(',')
        }
        return [code, n]
    }
    const expression = () => {
        if (take('[')) {
            const [code, n] = list(']', expression)
            return [...code, 43, n]
        }
        if (take('{')) {
            const [code, n] = list('}', () => {
                const key = string()
                take(':')
                return [32, key, ...expression()]
            })
            return [...code, 42, n]
        }
        if (rest.trimStart().startsWith('"')) {
            return [32, string()]
        }
        const [word] = /^\s*[\w.+-]+/.exec(rest)
        rest = rest.slice(word.length)
        const name = word.trim()
        if (take('(')) {
            const [code, n] = list(')', expression)
            return [...code, 2, name, n]
        }
        return { null: [31], true: [29], false: [30] }[name] ?? [Number.isInteger(+name) ? 33 : 34, +name]
    }
    return ['_H', 1, ...expression(), 38]
}

function show(x) {
    if (typeof x === 'number' && !Number.isFinite(x)) {
        return Number.isNaN(x) ? '{"$nan":true}' : `{"$inf":${Math.sign(x)}}`
    }
    if (Array.isArray(x)) {
        return `[${x.map(show).join(',')}]`
    }
    if (typeof x === 'object' && x !== null) {
        const entries = (x instanceof Map ? [...x] : Object.entries(x)).filter(([k, v]) => k !== 'payload' || v != null)
        return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${show(v)}`).join(',')}}`
    }
    return JSON.stringify(x ?? null)
}

const options = {
    external: {
        crypto,
        regex: {
            match: (regex, value) => {
                const insensitive = regex.startsWith('(?i)')
                return new RegExp(insensitive ? regex.slice(4) : regex, insensitive ? 'i' : '').test(value)
            },
            extract: (regex, value) => {
                const found = new RegExp(regex).exec(value)
                return found ? (found.length > 1 ? (found[1] ?? '') : found[0]) : ''
            },
        },
    },
}

function run(call) {
    try {
        const { result, error } = hogvm.exec({ bytecodes: { root: { bytecode: compile(call) } } }, options)
        return error ? 'error' : show(result)
    } catch {
        return 'error'
    }
}

const calls = fs.readFileSync(file, 'utf8').split('\n')
fs.writeFileSync(file, calls.map((line) => {
    const [call] = line.split('\t')
    return call === '' || call.startsWith('#') ? call : `${call}\t${run(call)}`
}).join('\n'))
