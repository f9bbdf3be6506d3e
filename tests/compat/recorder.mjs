// A proxy between a client and Assent that keeps what the client really sent: the ground truth that the lake and the
// webhooks are compared with. It passes everything on byte for byte, `Host` included, so that the settings document
// names the proxy and the client stays on it. It can also answer for an overloaded server.

import { once } from "node:events";
import http from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";

const EVENT_ROUTE = /^\/(v1\/)?(track|identify|page|screen|group|alias|batch|import|[tipsgab])$/;
const DECODE = { gzip: gunzipSync, deflate: inflateSync };

/** Starts a recorder in front of `target` (a URL). */
export async function startRecorder(target) {
  const recorder = new Recorder(target);
  const server = http.createServer((request, response) => recorder.handle(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  recorder.url = `http://127.0.0.1:${server.address().port}`;
  recorder.close = () => {
    server.close();
    server.closeAllConnections();
  };
  return recorder;
}

class Recorder {
  /** Every POST to an event route: path, headers, events, status, and when it was passed on and answered. */
  posts = [];
  /** While true, events are passed on but the client never hears the answer, as when a connection breaks. */
  keepsAnswers = false;
  #target;
  #refusals = 0;

  constructor(target) {
    this.#target = new URL(target);
  }

  /** Answers the next `count` event requests with 503 and `Retry-After: 1`, without passing them on. */
  refuseNext(count) {
    this.#refusals = count;
  }

  /** The events in requests that were answered with success, each once, in the order of arrival. */
  accepted() {
    const events = new Map();
    for (const post of this.posts.filter((post) => post.status >= 200 && post.status < 300)) {
      for (const event of post.events) {
        if (!events.has(event.messageId)) events.set(event.messageId, { ...times(event, post), event });
      }
    }
    return [...events.values()];
  }

  async handle(request, response) {
    const body = await bytes(request);
    const isEvent = request.method === "POST" && EVENT_ROUTE.test(request.url.split("?")[0]);
    const post = isEvent ? this.#record(request, body) : {};
    if (isEvent && this.#refusals > 0) {
      this.#refusals -= 1;
      post.status = 503;
      response.writeHead(503, {
        "Retry-After": "1",
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "Retry-After",
      });
      response.end();
      return;
    }
    post.forwardedAt = Date.now();
    const answered = (status) => Object.assign(post, { status, answeredAt: Date.now() });
    this.#forward(request, body, isEvent && this.keepsAnswers ? null : response, answered);
  }

  #record(request, body) {
    const decode = DECODE[request.headers["content-encoding"]] ?? ((plain) => plain);
    const parsed = JSON.parse(decode(body).toString());
    const events = parsed.batch ?? [parsed];
    const post = { path: request.url, headers: request.headers, events, batchSentAt: parsed.sentAt };
    this.posts.push(post);
    return post;
  }

  #forward(request, body, response, answered) {
    const { hostname, port } = this.#target;
    const options = { hostname, port, method: request.method, path: request.url, headers: request.headers };
    const passed = http.request(options, async (answer) => {
      const content = await bytes(answer);
      answered(answer.statusCode);
      response?.writeHead(answer.statusCode, answer.rawHeaders);
      response?.end(content);
    });
    passed.on("error", (error) => {
      response?.writeHead(502);
      response?.end(String(error));
    });
    passed.end(body);
  }
}

function times(event, post) {
  const original = event.timestamp ?? event.originalTimestamp;
  const sent = event.sentAt ?? post.batchSentAt;
  return {
    messageId: event.messageId,
    originalAt: original && Date.parse(original),
    sentAt: sent && Date.parse(sent),
    forwardedAt: post.forwardedAt,
    answeredAt: post.answeredAt,
  };
}

async function bytes(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
