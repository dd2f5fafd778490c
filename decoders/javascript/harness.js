// What surrounds a codec in its engine: evaluated first, gives one function: called first to load
// (source, variables, isolate), then once per frame (hex, port, milliseconds). See docs/decoders/codecs.md.
//
// A codec is compiled once, as the body of a function, and that function is called for every frame: what the codec keeps at
// its top level is made anew each time, so no frame sees what another one left. What could be left elsewhere, in the
// built-in objects, is frozen after loading; new global variables are removed after each frame. A codec that cannot bear
// frozen built-ins asks for a fresh engine per frame instead.
(function () {
    "use strict";
    const G = globalThis;
    const { stringify, parse } = JSON;
    const { ownKeys, getPrototypeOf, getOwnPropertyDescriptor, defineProperty, deleteProperty, isExtensible, apply } = Reflect;
    const { freeze, defineProperty: define } = Object;
    const { isArray } = Array;
    const { join } = Array.prototype;
    const { isFinite: finite, isSafeInteger } = Number;
    const [Compiled, Instant, Text, RangeTrouble, ObjectPrototype] = [Function, Date, String, RangeError, Object.prototype];
    const LONGEST = 65536, LONGEST_TEXT = 200, MOST_TEXTS = 20;
    const byte = Object.create(null);
    for (let n = 0; n < 256; n++) byte[(n < 16 ? "0" : "") + n.toString(16)] = n;
    const ENTRIES = `
;return {
    decodeUplink: typeof decodeUplink === "function" ? decodeUplink : undefined,
    Decode: typeof Decode === "function" ? Decode : undefined,
    Decoder: typeof Decoder === "function" ? Decoder : undefined,
};`;

    const silent = function () {};
    G.console = freeze({ log: silent, info: silent, warn: silent, error: silent, debug: silent, trace: silent });
    for (const name of ["exports", "module"]) defineProperty(G, name, { writable: true, enumerable: true, configurable: false });
    const shared = new Set(ownKeys(G));
    const frozen = new Set();
    let make, variables, loading = false;

    // Codecs bring polyfills, and define them again each time their top level runs. The first time it worked; afterwards the
    // built-in object is frozen with it in place, and to define it once more is nothing, as an assignment would be.
    Object.defineProperty = { defineProperty(target, key, property) {
        return loading && frozen.has(target) ? target : define(target, key, property);
    } }.defineProperty;

    // One piece of text: what the engine joins lazily does not leave it.
    function whole(...pieces) {
        return apply(join, pieces, [""]);
    }

    function refusal(reason, detail) {
        return whole("-", reason, "\n", detail);
    }

    function text(value) {
        const said = typeof value === "string" ? value : Text(value);
        return said.length > LONGEST_TEXT ? said.slice(0, LONGEST_TEXT) + "..." : said;
    }

    function texts(values) {
        if (values === undefined || values === null) return [];
        const listed = isArray(values) ? values : [values];
        const said = [];
        for (let n = 0; n < listed.length && n < MOST_TEXTS; n++) said[n] = text(listed[n]);
        return said;
    }

    function thrown(error) {
        try {
            if (error instanceof RangeTrouble && error.message === "Maximum call stack size exceeded") {
                return refusal("codec_stack_overflow", "the calls of the codec go too deep");
            }
            // With no memory left even for an error, the engine throws null.
            if (error === null) return refusal("codec_out_of_memory", "the codec wants more memory than it may have");
            if (typeof InternalError === "function" && error instanceof InternalError && error.message === "out of memory") {
                return refusal("codec_out_of_memory", "the codec wants more memory than it may have");
            }
            return refusal("codec_threw", text(error));
        } catch {
            return refusal("codec_threw", "something that cannot be shown");
        }
    }

    // Numbers that JSON cannot carry, and functions, are marked: whoever maps the output must know that they were there.
    function marked(key, value) {
        switch (typeof value) {
            case "number":
                return finite(value) ? value : "\u0000" + value;
            case "bigint":
                return isSafeInteger(Number(value)) ? Number(value) : "\u0000bigint";
            case "function":
                return "\u0000function";
            case "symbol":
                return "\u0000symbol";
            default:
                return value;
        }
    }

    function begin() {
        G.exports = {};
        G.module = { exports: G.exports };
        loading = true;
        let named;
        try {
            named = apply(make, G.exports, []) || {};
        } finally {
            loading = false;
        }
        const exported = G.module.exports;
        const found = (name) => named[name] || (exported && typeof exported[name] === "function" ? exported[name] : G.exports[name]);
        return { decodeUplink: found("decodeUplink"), Decode: found("Decode"), Decoder: found("Decoder") };
    }

    // True when everything global is as it was before.
    function clean() {
        try {
            G.exports = G.module = undefined;
        } catch {
            return false;
        }
        if (!isExtensible(G)) return false;
        const keys = ownKeys(G);
        if (keys.length === shared.size) return true;
        let all = true;
        for (const key of keys) if (!shared.has(key)) all = deleteProperty(G, key) && all;
        return all;
    }

    // An assignment to `own.toString` must work although Object.prototype is frozen: as a property of its own.
    function enable(prototype) {
        for (const key of ownKeys(prototype)) {
            const was = getOwnPropertyDescriptor(prototype, key);
            if (!("value" in was) || !was.configurable) continue;
            const value = was.value;
            defineProperty(prototype, key, {
                get() { return value; },
                set(mine) {
                    if (this === prototype) {
                        if (loading) return;
                        throw new TypeError(`${Text(key)} is read-only`);
                    }
                    defineProperty(this, key, { value: mine, writable: true, enumerable: true, configurable: true });
                },
                enumerable: was.enumerable,
                configurable: false,
            });
        }
    }

    function freezeAll() {
        const seen = new Set();
        const visit = (thing) => {
            if ((typeof thing !== "object" && typeof thing !== "function") || thing === null || seen.has(thing)) return;
            seen.add(thing);
            visit(getPrototypeOf(thing));
            for (const key of ownKeys(thing)) {
                const property = getOwnPropertyDescriptor(thing, key);
                visit(property.value);
                visit(property.get);
                visit(property.set);
            }
        };
        for (const key of shared) if (key !== "exports" && key !== "module" && key !== "globalThis") visit(G[key]);
        for (const hidden of [function* () {}, async function () {}, async function* () {}, [][Symbol.iterator](),
            new Map()[Symbol.iterator](), new Set()[Symbol.iterator](), ""[Symbol.iterator](), "".matchAll(/x/g)]) visit(hidden);
        for (const prototype of [ObjectPrototype, Error.prototype, TypeError.prototype, RangeError.prototype,
            SyntaxError.prototype, Function.prototype, Array.prototype, Uint8Array.prototype,
            getPrototypeOf(Uint8Array.prototype), Date.prototype]) enable(prototype);
        seen.delete(G);
        for (const thing of seen) {
            freeze(thing);
            frozen.add(thing);
        }
        for (const key of shared) {
            if (key === "exports" || key === "module") continue;
            const property = getOwnPropertyDescriptor(G, key);
            if (property.configurable) defineProperty(G, key, { value: G[key], writable: false, configurable: false });
        }
    }

    // Compile and try out: "warm" when the engine can serve frame after frame, "fresh" when each needs its own, or why not.
    function install(source, given, isolate) {
        variables = given;
        try {
            make = new Compiled(source + ENTRIES);
        } catch (error) {
            return refusal("codec_syntax_error", text(error));
        }
        let found;
        try {
            found = begin();
        } catch (error) {
            return thrown(error);
        }
        if (!found.decodeUplink && !found.Decode && !found.Decoder) {
            return refusal("codec_no_entry_point", "no function decodeUplink(input), Decode(fPort, bytes, variables) or Decoder(bytes, port)");
        }
        if (!isolate) return "warm";
        if (!clean()) return "fresh";
        freezeAll();
        try {
            begin();
        } catch {
            return "fresh";
        }
        return clean() ? "warm" : "fresh";
    }

    function called(hex, port, milliseconds) {
        const bytes = [];
        for (let n = 0; n < hex.length; n += 2) bytes[n >> 1] = byte[hex[n] + hex[n + 1]];
        const found = begin();
        if (found.decodeUplink) {
            const recvTime = new Instant(milliseconds);
            const output = found.decodeUplink({ bytes, fPort: port, recvTime, variables: parse(variables) });
            if (output === null || typeof output !== "object") return answer(output, [], []);
            const errors = texts(output.errors);
            return answer(output.data, texts(output.warnings), errors);
        }
        if (found.Decode) return answer(found.Decode(port, bytes, parse(variables)), [], []);
        if (found.Decoder) return answer(found.Decoder(bytes, port), [], []);
        return refusal("codec_no_entry_point", "its entry point is not there any more");
    }

    function answer(data, warnings, errors) {
        if (errors.length) return refusal("codec_errors", errors.join("; "));
        if (typeof data === "function") return refusal("codec_function", "a function instead of an object");
        if (data === null || typeof data !== "object" || isArray(data) || typeof data.then === "function") {
            const what = data === null ? "null" : isArray(data) ? "an array" : typeof data === "object" ? "a promise" : typeof data;
            return refusal("codec_no_object", `${what} instead of an object`);
        }
        let said;
        try {
            said = stringify(data, marked);
        } catch (error) {
            const trouble = thrown(error);
            if (!(error instanceof TypeError)) return trouble;
            return refusal("codec_not_json", text(error));
        }
        if (typeof said !== "string" || said[0] !== "{") return refusal("codec_no_object", "an object that turns into something else");
        if (said.length > LONGEST) return refusal("codec_too_large", `${said.length} characters, at most ${LONGEST} are taken`);
        return whole("+", stringify(warnings), "\n", said);
    }

    // "+warnings\ndata", or "-reason\ndetail"; with "!" in front when this engine must not be used again.
    function decode(hex, port, milliseconds) {
        let said;
        try {
            said = called(hex, port, milliseconds);
        } catch (error) {
            said = thrown(error);
        }
        return clean() ? said : whole("!", said);
    }

    return (first, second, third) => (make === undefined ? install : decode)(first, second, third);
})()
