// Runtime of Node functions: loads a handler, and calls it with each event, as on Lambda.
//
// Node 16 and newer run it. The argument is JSON: `management`, the URL of @connections; `hosts`,
// the path of the API by host. Modelled on
// https://github.com/aws/aws-lambda-nodejs-runtime-interface-client, whose words it prints.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");
const { syncBuiltinESMExports } = require("node:module");
const { pathToFileURL } = require("node:url");

const { management, hosts } = JSON.parse(process.argv[2]);
const MAX_RESULT_BYTES = 6_291_556;
const LOOPBACK = ["127.0.0.1", "localhost", "[::1]"];

process.argv.splice(1);
process.env.AWS_EXECUTION_ENV ??= `AWS_Lambda_nodejs${process.versions.node.split(".")[0]}.x`;

// Kept, because the handler's own requests go through the replaced functions.
const request = http.request;
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const runtime = new URL(`http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`);

/** Send a request to the Runtime API; resolve to the response, with its `body`. */
function ask(method, suffix, body = "") {
  return new Promise((resolve, reject) => {
    const options = { method, agent, headers: { "Content-Length": Buffer.byteLength(body) } };
    const sent = request(`${runtime}${suffix}`, options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("end", () => resolve(Object.assign(response, { body: Buffer.concat(chunks) })));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

/** A failure with Lambda's own error type. */
class Fault extends Error {
  constructor(name, message) {
    super(message);
    this.name = name;
  }
}

/** Import a handler by Lambda's notation, `FOLDER/MODULE.FUNCTION`. */
async function load(root, handler) {
  const found = /^(.*?)\.([^./\\]+(?:\.[^./\\]+)*)$/.exec(path.basename(handler));
  if (!found) throw new Fault("Runtime.MalformedHandlerName", `Bad handler '${handler}'`);
  const [, moduleName, functionName] = found;
  const base = path.resolve(root, path.dirname(handler), moduleName);
  const file = [base, `${base}.js`, `${base}.mjs`, `${base}.cjs`].find(
    (each) => fs.existsSync(each) && fs.statSync(each).isFile(),
  );
  if (!file) {
    const name = path.join(path.dirname(handler), moduleName);
    const words = `Cannot find module '${name}' in ${root}`;
    throw new Fault("Runtime.ImportModuleError", `Error: ${words}`);
  }
  let module;
  try {
    module = await importOf(file);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw Object.assign(new Fault("Runtime.UserCodeSyntaxError", `${error}`), stackOf(error));
    }
    if (error?.code === "MODULE_NOT_FOUND" || error?.code === "ERR_MODULE_NOT_FOUND") {
      throw Object.assign(new Fault("Runtime.ImportModuleError", `${error}`), stackOf(error));
    }
    throw error;
  }
  let value = module;
  for (const name of functionName.split(".")) value = value?.[name];
  if (value === undefined) {
    const words = `${handler} is undefined or not exported`;
    throw new Fault("Runtime.HandlerNotFound", words);
  }
  if (typeof value !== "function") {
    throw new Fault("Runtime.HandlerNotFound", `${handler} is not a function`);
  }
  return value;
}

/** Import a file as CommonJS or as an ES module, whichever it is. */
async function importOf(file) {
  if (!file.endsWith(".mjs")) {
    try {
      return require(file);
    } catch (error) {
      if (error?.code !== "ERR_REQUIRE_ESM" && error?.code !== "ERR_REQUIRE_ASYNC_MODULE") throw error;
    }
  }
  return import(pathToFileURL(file).href);
}

function stackOf(error) {
  return { stack: error?.stack };
}

/** Call a handler; resolve to its result, in whichever of Node's ways it gives it. */
function call(handler, event, context) {
  return new Promise((resolve, reject) => {
    // A handler that returns no promise and calls nothing back ends with its event loop.
    let answer = () => resolve(null);
    const whenEmpty = () => answer();
    process.once("beforeExit", whenEmpty);
    const end = (settle, value) => {
      process.removeListener("beforeExit", whenEmpty);
      settle(value);
    };
    const callback = (error, result) => {
      answer = () => (error ? end(reject, error) : end(resolve, result));
      if (!context.callbackWaitsForEmptyEventLoop) setImmediate(answer);
    };
    context.done = callback;
    context.succeed = (result) => callback(null, result);
    context.fail = (error) => callback(error ?? "handled");
    let result;
    try {
      result = handler(event, context, callback);
    } catch (error) {
      end(reject, error);
      return;
    }
    if (typeof result?.then === "function") {
      result.then(
        (value) => end(resolve, value),
        (error) => end(reject, error),
      );
    }
  });
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const of = process.env;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: of.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: of.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: of.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: of.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: of.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: undefined,
    identity: undefined,
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

function marshal(value) {
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch (error) {
    throw new Fault("Runtime.MarshalError", `Unable to stringify response body: ${error.message}`);
  }
  if (Buffer.byteLength(text) > MAX_RESULT_BYTES) {
    const words = "Response payload size exceeded maximum allowed payload size";
    throw new Fault("Function.ResponseSizeTooLarge", `${words} (${MAX_RESULT_BYTES} bytes).`);
  }
  return text;
}

/** Print an error as Lambda does; return its JSON for the Runtime API. */
function failure(error) {
  const isError = error instanceof Error;
  const errorType = isError ? error.name : typeof error;
  const errorMessage = isError ? error.message : String(error);
  const trace = isError && error.stack ? error.stack.split("\n") : [];
  console.error(`[ERROR] ${trace.length > 1 ? error.stack : `${errorType}: ${errorMessage}`}`);
  return JSON.stringify({ errorType, errorMessage, trace });
}

/** Return the URL for a request to @connections, wherever the handler has built it. */
function toEmulator(url) {
  // As in python_bootstrap.py: hosts of the emulated API need its path, a server on this machine
  // stays itself, and any other host stands for a deployment of this API.
  const at = /\/(?:@|%40)connections/.exec(url.pathname);
  if (!at) return null;
  const prefix = url.pathname.slice(0, at.index).replace(/^\//, "");
  const rest = url.pathname.slice(at.index) + url.search;
  const expected = hosts[url.host] ?? hosts[`${url.hostname}:${url.port || 443}`];
  if (expected === undefined && LOOPBACK.includes(url.hostname)) return null;
  if (expected !== undefined && prefix !== expected) {
    return new URL(`${new URL(management).origin}${prefix && "/"}${prefix}${rest}`);
  }
  return new URL(management + rest);
}

/** Send posts to @connections to the emulator, whatever module makes them. */
function replaceRequests() {
  for (const [module, protocol] of [
    [http, "http:"],
    [https, "https:"],
  ]) {
    const original = module.request;
    module.request = function (...args) {
      const [first, second] = args;
      const isUrl = typeof first === "string" || first instanceof URL;
      const options = isUrl ? (typeof second === "object" ? second : {}) : (first ?? {});
      let url;
      try {
        const host = options.hostname ?? options.host ?? "localhost";
        const port = options.port ? `:${options.port}` : "";
        const from = `${options.protocol ?? protocol}//${host}${port}${options.path ?? "/"}`;
        url = toEmulator(new URL(isUrl ? first : from));
      } catch {
        // The original reports what is invalid.
      }
      if (!url) return original.apply(this, args);
      const kept = { ...options };
      for (const name of ["host", "hostname", "port", "path", "protocol", "agent"]) delete kept[name];
      const callback = args.find((each) => typeof each === "function");
      const send = url.protocol === "https:" ? originalOf.https : originalOf.http;
      return send(url, kept, callback);
    };
    module.get = function (...args) {
      const sent = module.request(...args);
      sent.end();
      return sent;
    };
  }
  const fetched = globalThis.fetch;
  if (fetched) {
    globalThis.fetch = (resource, init) => {
      const isRequest = typeof resource === "object" && "url" in resource;
      const url = toEmulator(new URL(isRequest ? resource.url : resource));
      if (!url) return fetched(resource, init);
      return fetched(isRequest ? new Request(url, resource) : url, init);
    };
  }
  syncBuiltinESMExports();
}

const originalOf = { http: http.request, https: https.request };

async function main() {
  replaceRequests();
  let handler;
  try {
    handler = await load(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  } catch (error) {
    await ask("POST", "/init/error", failure(error));
    process.exit(1);
  }
  let requestId = null;
  const crash = (name, status) => async (error) => {
    const told = failure(error);
    const document = JSON.stringify({ ...JSON.parse(told), errorType: name });
    if (requestId) await ask("POST", `/invocation/${requestId}/error`, document);
    process.exit(status);
  };
  process.on("uncaughtException", crash("Runtime.UncaughtException", 129));
  process.on("unhandledRejection", crash("Runtime.UnhandledPromiseRejection", 128));
  for (;;) {
    requestId = null;
    const { headers, body } = await ask("GET", "/invocation/next");
    requestId = headers["lambda-runtime-aws-request-id"];
    process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    let result;
    let way = "response";
    try {
      result = marshal(await call(handler, JSON.parse(body), contextOf(headers)));
    } catch (error) {
      result = failure(error);
      way = "error";
    }
    await ask("POST", `/invocation/${requestId}/${way}`, result);
  }
}

main().catch(() => process.exit(0));
