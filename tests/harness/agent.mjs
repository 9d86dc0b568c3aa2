// `sluice agent`, and the two it stands between: an engine that shows the pages it is given, and
// a gateway that writes down what it is told.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { after } from 'node:test';
import { Sluice, within } from './processes.mjs';

const kPages = new URL('../../src/agent/testdata/', import.meta.url);

/// A page as an engine prints it: a file beside the readers' own tests.
export const recorded = (name) => readFileSync(new URL(name, kPages), 'utf8');

class Server {
  constructor(answer, tls) {
    this.sockets = new Set();
    this.answer = answer;
    this.tls = tls;
    this.port = 0;
    after(() => this.close());
  }

  /// Listens, at the same port as before.
  async listen() {
    this.server = this.tls
      ? https.createServer(this.tls, this.answer)
      : http.createServer(this.answer);
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    await new Promise((resolve, reject) => {
      this.server.on('error', reject);
      this.server.listen(this.port, '127.0.0.1', resolve);
    });
    this.port = this.server.address().port;
    this.url = `${this.tls ? 'https' : 'http'}://127.0.0.1:${this.port}`;
    return this;
  }

  async close() {
    if (!this.server) return;
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    this.server = undefined;
    await closed;
  }
}

/// Shows `pages`: {path: text, or a function that returns one, or a status}.
export class Engine extends Server {
  constructor(pages) {
    super((request, response) => {
      this.asked.push(request);
      const page = this.pages[request.url];
      const shown = typeof page === 'function' ? page() : (page ?? 404);
      response.statusCode = typeof shown === 'number' ? shown : 200;
      response.end(typeof shown === 'number' ? '' : shown);
    });
    this.pages = { '/health': '', ...pages };
    this.asked = [];
  }
}

export const startEngine = (pages) => new Engine(pages).listen();

/// A vLLM whose figures the test sets: `engine.running = 3`.
export async function startVllm(models = ['m']) {
  const figures = { running: 0, waiting: 0, usage: 0, started: 1763005123, tokens: 0 };
  const engine = new Engine({
    '/v1/models': () => JSON.stringify({ object: 'list', data: models.map((id) => ({ id })) }),
    '/version': '{"version":"0.11.0"}',
    '/metrics': () =>
      `process_start_time_seconds ${engine.started}\n` +
      `vllm:num_requests_running{engine="0"} ${engine.running}\n` +
      `vllm:num_requests_waiting{engine="0"} ${engine.waiting}\n` +
      `vllm:kv_cache_usage_perc{engine="0"} ${engine.usage}\n` +
      `vllm:generation_tokens_total{engine="0"} ${engine.tokens}\n` +
      'vllm:cache_config_info{engine="0",block_size="16",num_gpu_blocks="1000"} 1\n',
  });
  Object.assign(engine, figures);
  return engine.listen();
}

/// Takes heartbeats. `answer(beat)` says what comes back: a reply, or {status, body}.
export class FakeGateway extends Server {
  constructor({ tls, answer } = {}) {
    super((request, response) => {
      const chunks = [];
      request.on('data', (data) => chunks.push(data));
      request.on('end', () => this.take(request, Buffer.concat(chunks).toString(), response));
    }, tls);
    this.reply = answer ?? (() => ({}));
    this.beats = [];
    this.requests = [];
    this.waiting = new Set();
  }

  take(request, body, response) {
    assert.equal(request.method, 'POST');
    const beat = JSON.parse(body);
    this.requests.push(request);
    const known = this.beats.some((each) => each.boot_id === beat.boot_id);
    const reply = this.reply(beat);
    response.statusCode = reply.status ?? 200;
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify(
        reply.body ?? { known, gw_time: Date.now() / 1000, next_interval_ms: 60_000, ...reply },
      ),
    );
    this.beats.push(beat);
    for (const look of this.waiting) look();
  }

  /// The first heartbeat, of those from number `from` on or still to come, that `wanted` accepts.
  first(wanted, { from = 0, what = wanted } = {}) {
    let look;
    const found = new Promise((resolve) => {
      look = () => {
        const beat = this.beats.slice(from).find(wanted);
        if (beat) resolve(beat);
      };
      this.waiting.add(look);
      look();
    });
    return within(found, 20_000, `a heartbeat with ${what}`).finally(() =>
      this.waiting.delete(look),
    );
  }

  /// As first(), of those that come from now on.
  next(wanted, options = {}) {
    return this.first(wanted, { ...options, from: this.beats.length });
  }
}

export const startFakeGateway = (options) => new FakeGateway(options).listen();

/// Starts `sluice agent` with a library of GPUs that is not there, so that no machine's own count.
export function startAgent(args, { env = {}, poll = '20ms' } = {}) {
  return new Sluice(['agent', '--id', 'w', '--poll', poll, ...args], {
    env: { SLUICE_NVML_PATH: 'libnot-there.so.1', ...env },
  });
}
