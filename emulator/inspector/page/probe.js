// The probe: reports to the emulator what the RTCPeerConnections of a page do, as
// chrome://webrtc-internals would show it. docs/inspector.md has its use, docs/trace.md its entries.
//
// The emulator serves this file in two forms: probe.js calls start with the emulator's own URL,
// probe.mjs exports install. The page must not notice the probe:
// - Constructors and methods are Proxies of the native ones. instanceof, subclasses, names, argument
//   counts, checks of `this` and thrown errors stay those of the browser.
// - A page gets the promise that follows the native one. To watch the native one and return it would
//   mark it as handled, and an unhandled rejection would be lost.
// - A failure of the probe ends in `quietly`.
// - No RTCPeerConnection is kept: records are found by a WeakMap and hold plain values only.
//
// Life: waiting (events are kept, the oldest are dropped) → live with the first WebSocket to the
// emulator that opens → waiting again after two failed posts in a row. A page whose WebSocket goes
// elsewhere stays in waiting, and sends nothing.

/** Start to report to the emulator with this URL, ws:// or http://, as the emulator prints it. */
function install(url, scope = globalThis) {
  const PATH = "/_inspect/api/probe";
  const MARK = Symbol.for("poker-signal.probe");
  const MAX_EVENTS = 500;
  const MAX_TEXT = 300;
  // Characters of a post: 64 kB also if each character takes three bytes.
  const MAX_POST = 20_000;
  const MAX_SOCKETS = 16;
  const MAX_NAME = 128;
  const BATCH_MS = 50;
  const ASYNC = ["createOffer", "createAnswer", "setLocalDescription", "setRemoteDescription", "addIceCandidate"];
  const SYNC = ["createDataChannel", "restartIce", "setConfiguration", "close"];
  const STATES = ["connectionState", "iceConnectionState", "iceGatheringState", "signalingState"];
  const LOOPBACK = /^(?:localhost|.+\.localhost|127(?:\.\d+){3}|\[::1\])$/i;

  // The natives, before the page or a test replaces them.
  const world = globalThis;
  const { apply, construct } = Reflect;
  const { stringify } = JSON;
  const Native = Promise;
  const follow = Native.prototype.then;
  const addListener = world.EventTarget?.prototype.addEventListener;
  const post = world.fetch;
  const later = world.setTimeout;
  const timer = world.performance;
  const tick = timer?.now;
  const now = tick ? () => apply(tick, timer, []) : Date.now;

  const home = placeOf(String(url));
  if (home === null || typeof post !== "function" || world[MARK]) return;
  Object.defineProperty(world, MARK, { value: true });
  const names = [home.name, home.query.name].filter(Boolean);
  const token = home.query.token ? `?token=${encodeURIComponent(home.query.token)}` : "";
  const target = `http${home.secure}://${home.authority}${PATH}${token}`;

  const page = [0, 0].map(() => Math.random().toString(16).slice(2, 10).padEnd(8, "0")).join("");
  const records = new WeakMap();
  const channels = new WeakSet();
  /** Names in the URLs of WebSockets to the emulator, and how many were opened and are not closed. */
  const sockets = [];
  let queue = [];
  let lost = 0;
  let count = 0;
  let failures = 0;
  let isLive = false;
  let isPosting = false;
  let isDue = false;

  // The page must not see a failure of the probe.
  function quietly(work) {
    return (...given) => {
      try {
        return work(...given);
      } catch {
        return undefined;
      }
    };
  }

  const cut = (value) => String(value).slice(0, MAX_TEXT);
  const since = (start) => Math.round((now() - start) * 10) / 10;
  const ufragOf = (sdp) => /a=ice-ufrag:([\w+/]+)/.exec(sdp ?? "")?.[1];
  const typeOf = (candidate) => / typ (\w+)/.exec(candidate ?? "")?.[1];

  // The promise that follows another one. React Native's may be a library's.
  function after(promise, done, failed) {
    return promise instanceof Native ? apply(follow, promise, [done, failed]) : promise.then(done, failed);
  }

  // Not URL: React Native's has no host name.
  function placeOf(text) {
    const found = /^(?:ws|http)(s?):\/\/(?:[^/?#@]*@)?((\[[^\]/?#]*\]|[^:/?#]*)(?::(\d+))?)[^?#]*(?:\?([^#]*))?/i.exec(text);
    if (found === null) return null;
    const [, secure, authority, name, port, query = ""] = found;
    const decode = (part) => decodeURIComponent(part.replace(/\+/g, " "));
    const pairs = query.split("&").map((part) => part.split(/=(.*)/s, 2).map(quietly(decode)));
    return {
      secure: secure.toLowerCase(),
      authority,
      name: name.toLowerCase(),
      port: port ?? (secure ? "443" : "80"),
      query: Object.fromEntries(pairs.filter(([key]) => key !== undefined)),
    };
  }

  function isHome(place) {
    if (place === null || place.port !== home.port) return false;
    return names.includes(place.name) || names.some((each) => LOOPBACK.test(each) && LOOPBACK.test(place.name));
  }

  // Events.

  function tell(event, members, record, socket) {
    if (queue.length >= MAX_EVENTS) {
      queue.shift();
      lost += 1;
    }
    const of = record ? { pc: record.number, ufrag: record.ufrag, remoteUfrag: record.remoteUfrag } : {};
    // The text is made now, so that no object of the page is kept.
    queue.push({ text: stringify({ t: now(), event, ...of, ...members }), record, socket });
    plan();
  }

  function plan() {
    if (!isLive || isDue || isPosting) return;
    isDue = true;
    apply(later, world, [quietly(() => { isDue = false; flush(false); }), BATCH_MS]);
  }

  // The socket of what happens now: the only one that is not closed.
  function onlySocket() {
    const alive = sockets.map((each, index) => (each.alive > 0 ? index : -1)).filter((index) => index >= 0);
    if (alive.length === 1) return alive[0];
    return sockets.length === 1 ? 0 : undefined;
  }

  function textOf({ text, record, socket }) {
    if (record && record.socket === undefined) record.socket = onlySocket();
    const index = socket ?? (record ? record.socket : onlySocket());
    return index === undefined ? text : `${text.slice(0, -1)},"socket":${index}}`;
  }

  function flush(isLeaving) {
    if (!isLive || queue.length === 0 || (isPosting && !isLeaving)) return;
    // A page that goes has one post for all; a larger rest is given up.
    const texts = [];
    if (lost > 0) texts.push(stringify({ t: now(), event: "lost", count: lost }));
    lost = 0;
    let size = 0;
    let taken = 0;
    for (; taken < queue.length; taken += 1) {
      const text = textOf(queue[taken]);
      size += text.length;
      if (taken > 0 && size > MAX_POST) break;
      texts.push(text);
    }
    queue = queue.slice(taken);
    const told = sockets.map(({ playerId, gameId, opens }) => ({ playerId, gameId, opens }));
    const head = stringify({ page, now: now(), sockets: told });
    isPosting = true;
    const sent = apply(post, world, [target, {
      method: "POST",
      // text/plain needs no preflight. The answer has nothing to read.
      mode: "no-cors",
      body: `${head.slice(0, -1)},"events":[${texts.join(",")}]}`,
      // Only when the page goes: the bytes count towards a limit that the page shares.
      keepalive: isLeaving,
      credentials: "same-origin",
      cache: "no-store",
      // The emulator admits a page by its origin, which a stricter policy of the page would hide.
      referrerPolicy: "origin",
    }]);
    after(sent, quietly(() => posted(true, 0)), quietly(() => posted(false, taken)));
  }

  function posted(isDone, missing) {
    isPosting = false;
    failures = isDone ? 0 : failures + 1;
    lost += missing;
    if (failures >= 2) isLive = false;
    if (queue.length > 0) plan();
  }

  // RTCPeerConnection.

  function listen(object, type, work) {
    const isNative = addListener !== undefined && object instanceof world.EventTarget;
    apply(isNative ? addListener : object.addEventListener, object, [type, quietly(work)]);
  }

  // The record of a connection; one that was created before the probe gets it with its first call.
  function recordOf(pc, configuration) {
    const known = records.get(pc);
    if (known) return known;
    // Also false for the prototype itself, whose getters throw.
    if (typeof pc?.signalingState !== "string") return undefined;
    count += 1;
    const record = { number: count, born: now(), socket: onlySocket(), ufrag: undefined, remoteUfrag: undefined, ended: false };
    records.set(pc, record);
    record.ufrag = ufragOf(pc.localDescription?.sdp);
    record.remoteUfrag = ufragOf(pc.remoteDescription?.sdp);
    quietly(tellCreated)(pc, record, configuration);
    watch(pc, record);
    return record;
  }

  function watch(pc, record) {
    for (const of of STATES) {
      listen(pc, `${of.toLowerCase()}change`, (event) => {
        const state = event.target[of];
        tell("state", { of, state, ms: since(record.born) }, record);
        if (of === "iceGatheringState" && state === "gathering") record.ended = false;
        // Old browsers have no connectionState.
        const isDecisive = of === "connectionState" || (of === "iceConnectionState" && !("connectionState" in event.target));
        if (isDecisive) measure(event.target, record, state);
      });
    }
    listen(pc, "icecandidate", ({ candidate }) => {
      if (candidate && candidate.candidate) {
        const { type = typeOf(candidate.candidate), protocol } = candidate;
        tell("candidate", { type, protocol: protocol ?? undefined }, record);
      } else if (!record.ended) {
        // Some browsers tell the end twice, as "" and as null.
        record.ended = true;
        tell("candidate", { type: "end" }, record);
      }
    });
    listen(pc, "icecandidateerror", ({ errorCode, errorText, url: server }) => {
      tell("icecandidateerror", { code: errorCode, text: cut(errorText ?? ""), url: cut(server ?? "") }, record);
    });
    listen(pc, "datachannel", ({ channel }) => watchChannel(channel, record, "received"));
  }

  function watchChannel(channel, record, state) {
    if (!channel || channels.has(channel)) return;
    channels.add(channel);
    const { negotiated } = channel;
    const label = cut(channel.label);
    const say = (what, more) => tell("channel", { label, state: what, ...more }, record);
    say(state, negotiated ? { negotiated } : {});
    listen(channel, "open", () => say("open"));
    listen(channel, "close", () => say("closed"));
    listen(channel, "error", ({ error }) => say("error", { error: errorOf(error) }));
  }

  const { getStats, getConfiguration } = scope.RTCPeerConnection?.prototype ?? {};

  function measure(pc, record, state) {
    const report = { connected: selectedPair, completed: selectedPair, failed: checks, disconnected: checks }[state];
    if (!report || typeof getStats !== "function") return;
    const sent = apply(getStats, pc, []);
    after(sent, quietly((stats) => report(stats, record)), () => {});
  }

  function selectedPair(stats, record) {
    const all = [];
    stats.forEach((each) => all.push(each));
    const chosen = all.find(({ type, selectedCandidatePairId }) => type === "transport" && selectedCandidatePairId);
    const pairs = all.filter(({ type }) => type === "candidate-pair");
    const pair = pairs.find(({ id }) => id === chosen?.selectedCandidatePairId)
      ?? pairs.find(({ selected }) => selected)
      ?? pairs.find(({ nominated, state }) => nominated && state === "succeeded");
    if (!pair) return;
    const end = (wanted) => {
      const { candidateType, protocol } = all.find(({ id }) => id === wanted) ?? {};
      return { type: candidateType, protocol };
    };
    const rtt = pair.currentRoundTripTime;
    tell("pair", {
      local: end(pair.localCandidateId),
      remote: end(pair.remoteCandidateId),
      rttMs: rtt === undefined ? undefined : Math.round(rtt * 1e4) / 10,
    }, record);
  }

  function checks(stats, record) {
    const found = { pairs: 0, requestsSent: 0, responsesReceived: 0, succeeded: 0 };
    stats.forEach(({ type, state, requestsSent = 0, responsesReceived = 0 }) => {
      if (type !== "candidate-pair") return;
      found.pairs += 1;
      found.requestsSent += requestsSent;
      found.responsesReceived += responsesReceived;
      if (state === "succeeded") found.succeeded += 1;
    });
    tell("checks", found, record);
  }

  function errorOf(error) {
    if (error === null || typeof error !== "object") return { name: typeof error, message: cut(error) };
    return { name: cut(error.name ?? "Error"), message: cut(error.message ?? "") };
  }

  // Calls: describe the argument, call the native method, report when it has ended.

  function describe(name, given) {
    if (given === null || given === undefined) return String(given);
    if (typeof given !== "object") return typeof given;
    if (name === "addIceCandidate") {
      const { candidate, sdpMid, sdpMLineIndex } = given;
      if (typeof candidate === "object" && candidate !== null) return "object whose candidate is an object";
      if (typeof candidate !== "string") return "object without candidate";
      const isFor = (sdpMid ?? sdpMLineIndex ?? undefined) !== undefined;
      return candidate === "" || isFor ? undefined : "object without sdpMid and sdpMLineIndex";
    }
    const { type, sdp } = given;
    if (typeof sdp === "object" && sdp !== null) return "object whose sdp is an object";
    if (typeof type !== "string") return "object without type";
    const isShort = name === "setLocalDescription" || type === "rollback";
    return typeof sdp === "string" || isShort ? undefined : "object without sdp";
  }

  function aboutOf(name, [given]) {
    if (name === "addIceCandidate") {
      const { candidate = given } = Object(given);
      return candidate === null || candidate === undefined || candidate === "" ? "end" : typeOf(candidate);
    }
    return name.endsWith("Description") && typeof given?.type === "string" ? cut(given.type) : undefined;
  }

  function begun(name, pc, args) {
    const record = recordOf(pc);
    if (!record) return undefined;
    const takes = name === "setRemoteDescription" || name === "addIceCandidate";
    const isGiven = takes || (name === "setLocalDescription" && args[0] !== undefined);
    return { name, record, pc, start: now(), signalingState: pc.signalingState, isGiven, about: undefined, given: undefined, isOver: false };
  }

  // After the native method has read the arguments, so that it is the first to do so.
  function read(call, args) {
    const { name, record } = call;
    if (!call.isGiven) return;
    call.given = describe(name, args[0]);
    call.about = aboutOf(name, args);
    if (name === "setRemoteDescription") {
      const sdp = args[0]?.sdp ?? args[0];
      if (typeof sdp === "string") record.remoteUfrag = ufragOf(sdp) ?? record.remoteUfrag;
    }
  }

  function ended(call, value, failure) {
    if (call.isOver) return;
    call.isOver = true;
    const { name, record, pc, start, signalingState, given } = call;
    if (!failure && (name === "createOffer" || name === "createAnswer")) record.ufrag = ufragOf(value?.sdp) ?? record.ufrag;
    if (!failure && name === "setLocalDescription") {
      const { type, sdp } = pc.localDescription ?? {};
      record.ufrag = ufragOf(sdp) ?? record.ufrag;
      call.about ??= type;
    }
    const ms = SYNC.includes(name) ? undefined : since(start);
    const error = failure ? errorOf(failure.error) : undefined;
    tell("call", { call: name, ms, about: call.about, given, error, signalingState }, record);
    if (!failure && name === "createDataChannel") watchChannel(value, record, "created");
  }

  const starts = quietly(begun);
  const reads = quietly(read);
  const ends = quietly(ended);

  // The old form with callbacks: its promise is resolved with undefined at once.
  function callbacksOf(name, args) {
    const first = name === "createOffer" || name === "createAnswer" ? 0 : name === "addIceCandidate" || name.startsWith("set") ? 1 : 9;
    return typeof args[first] === "function" && typeof args[first + 1] === "function" ? first : -1;
  }

  function watchedCallbacks(call, args, first) {
    const watched = (callback, end) =>
      new Proxy(callback, {
        apply(native, self, given) {
          end(given[0]);
          return apply(native, self, given);
        },
      });
    const [done, failed] = [args[first], args[first + 1]];
    return [
      ...args.slice(0, first),
      watched(done, (value) => ends(call, value)),
      watched(failed, (error) => ends(call, undefined, { error })),
      ...args.slice(first + 2),
    ];
  }

  function wrap(prototype, name) {
    const found = Object.getOwnPropertyDescriptor(prototype, name);
    if (typeof found?.value !== "function" || !found.configurable) return;
    const called = (native, self, args) => {
      const call = starts(name, self, args);
      const first = call && ASYNC.includes(name) ? callbacksOf(name, args) : -1;
      const passed = first < 0 ? args : watchedCallbacks(call, args, first);
      let result;
      try {
        result = apply(native, self, passed);
      } catch (error) {
        if (call) {
          reads(call, args);
          ends(call, undefined, { error });
        }
        throw error;
      }
      if (!call) return result;
      reads(call, args);
      if (typeof result?.then !== "function") {
        ends(call, result);
        return result;
      }
      return after(
        result,
        (value) => {
          if (first < 0) ends(call, value);
          return value;
        },
        (error) => {
          ends(call, undefined, { error });
          throw error;
        },
      );
    };
    Object.defineProperty(prototype, name, { ...found, value: new Proxy(found.value, { apply: called }) });
  }

  // Replace a class by a Proxy that tells of each new object.
  function watchClass(name, created, failed = () => {}) {
    const native = world[name];
    if (typeof native !== "function" || typeof native.prototype !== "object") return;
    const proxy = new Proxy(native, {
      construct(target, args, newTarget) {
        let made;
        try {
          made = construct(target, args, newTarget === proxy ? target : newTarget);
        } catch (error) {
          failed(error);
          throw error;
        }
        created(made, args);
        return made;
      },
    });
    for (const alias of [name, `webkit${name}`]) {
      const found = Object.getOwnPropertyDescriptor(world, alias);
      if (found?.value === native && found.configurable) Object.defineProperty(world, alias, { ...found, value: proxy });
    }
    const own = Object.getOwnPropertyDescriptor(native.prototype, "constructor");
    if (own?.configurable && world[name] === proxy) Object.defineProperty(native.prototype, "constructor", { ...own, value: proxy });
  }

  function tellCreated(pc, record, configuration) {
    const { iceServers = [], iceTransportPolicy = "all" } = (getConfiguration && apply(getConfiguration, pc, [])) ?? configuration ?? {};
    const urls = [...iceServers].flatMap(({ urls: several, url: one }) => several ?? one ?? []);
    tell("created", { policy: cut(iceTransportPolicy), servers: urls.slice(0, 10).map((each) => cut(each).split(":")[0]) }, record);
  }

  function peerRefused(error) {
    tell("call", { call: "new", error: errorOf(error) });
  }

  // WebSocket: its URL and its state. Messages are not read.

  function socketCreated(socket) {
    const place = placeOf(socket.url);
    if (!isHome(place)) return;
    const [playerId, gameId] = [place.query.playerId, place.query.gameId].map((each) => (each ?? "").slice(0, MAX_NAME));
    let index = sockets.findIndex((each) => each.playerId === playerId && each.gameId === gameId);
    if (index < 0) {
      // A page that has been in many games: the place of one that is over.
      index = sockets.length < MAX_SOCKETS ? sockets.length : sockets.findIndex((each) => each.alive <= 0);
      if (index < 0) return;
      sockets[index] = { playerId, gameId, opens: 0, alive: 0 };
    }
    sockets[index].alive += 1;
    listen(socket, "open", () => {
      sockets[index].opens += 1;
      isLive = true;
      failures = 0;
      tell("socket", { state: "open" }, undefined, index);
    });
    listen(socket, "error", () => tell("socket", { state: "error" }, undefined, index));
    listen(socket, "close", ({ code, reason, wasClean }) => {
      tell("socket", { state: "closed", code, reason: cut(reason ?? ""), wasClean }, undefined, index);
      sockets[index].alive -= 1;
    });
  }

  // Errors of the page.

  function placeIn(stack) {
    const lines = String(stack ?? "").split("\n").filter((each) => !/\/_inspect\/probe\.m?js/.test(each));
    for (const line of lines) {
      const found = /([^/\s()@]*):(\d+):\d+\)?$/.exec(line);
      if (found) return cut(`${found[1].split(/[?#]/)[0] || "page"}:${found[2]}`);
    }
    return undefined;
  }

  function watchErrors() {
    if (typeof world.addEventListener !== "function") return;
    listen(world, "error", ({ error, message, filename, lineno }) => {
      const told = error === null || error === undefined ? { name: "Error", message: cut(message ?? "") } : errorOf(error);
      const file = cut(filename ?? "").split(/[?#]/)[0].split("/").pop() || "page";
      tell("error", { of: "error", ...told, where: `${file}:${lineno ?? 0}` });
    });
    listen(world, "unhandledrejection", ({ reason }) => {
      tell("error", { of: "rejection", ...errorOf(reason), where: placeIn(reason?.stack) });
    });
    listen(world, "pagehide", () => flush(true));
  }

  const prototype = scope.RTCPeerConnection?.prototype;
  if (prototype) for (const name of [...ASYNC, ...SYNC]) quietly(wrap)(prototype, name);
  // A class of a module is used under the module's name: its new objects are known by their first call.
  if (scope === world) quietly(watchClass)("RTCPeerConnection", quietly((pc, [configuration]) => recordOf(pc, configuration)), quietly(peerRefused));
  quietly(watchClass)("WebSocket", quietly(socketCreated));
  quietly(watchErrors)();
}

// probe.js begins here. Browsers hide the errors of a script of another origin ("Script error.", no
// unhandledrejection), and count an error as such a script's if it passes through one, as it does in
// a wrapped method. An inline script belongs to the page, so the probe becomes one.
function start(url) {
  const element = globalThis.document?.currentScript;
  const isForeign = element?.src && new URL(element.src).origin !== globalThis.location.origin;
  if (!isForeign || element.crossOrigin !== null) {
    install(url);
    return;
  }
  try {
    const inline = document.createElement("script");
    inline.nonce = element.nonce;
    inline.textContent = `(${install})(${JSON.stringify(url)});\n//# sourceURL=${element.src.split("?")[0]}`;
    document.documentElement.append(inline);
    inline.remove();
  } catch {
    // Trusted Types. As with a Content-Security-Policy, nothing is installed.
  }
  if (!globalThis[Symbol.for("poker-signal.probe")]) {
    console.warn("poker-signal: this page's policy forbids the probe. Add the attribute crossorigin to its script element.");
  }
}
