// GPU workers that announce themselves: a scripted upstream each, and heartbeats that tell of it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after } from 'node:test';
import { kClientKey } from './gateway.mjs';
import { startMock } from './mock.mjs';
import { until } from './until.mjs';

export const kHeartbeat = '/v1/workers/heartbeat';
const kGiB = 2 ** 30;

/// One heartbeat as the seed tells it: no endpoint, so it is shown and not routable.
export function seedHeartbeat(changes = {}) {
  return {
    worker_id: 'gpu-4070tis-01',
    supported: ['gpt-3.5-turbo', 'gpt-4'],
    total_vram: 12884901888,
    available_vram: 12884901888,
    active_tasks: 0,
    max_tasks: 2,
    ...changes,
  };
}

/// Sends a heartbeat, an object or a text as it is, without a key; `token` is workers.token.
/// Returns the answer of fetch.
export function beat(gateway, body, { token, headers = {}, url = gateway.url } = {}) {
  return fetch(url + kHeartbeat, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

/// What the gateway lists: [{id, state, reason, routable, score, models, ...}].
export async function listWorkers(gateway, headers = {}) {
  const answer = await gateway.get('/v1/workers', { authorization: `Bearer ${kClientKey}`, ...headers });
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return JSON.parse(text).data;
}

/// Waits until the gateway shows this worker with all of `wanted`, such as {routable: true};
/// `null` waits until it is not listed. Returns what is listed.
export function workerIs(gateway, id, wanted = { routable: true }, headers = {}) {
  return until(`worker ${id} to be ${JSON.stringify(wanted)}`, async () => {
    const shown = (await listWorkers(gateway, headers)).find((each) => each.id === id);
    const done =
      wanted === null
        ? shown === undefined
        : shown !== undefined &&
          Object.entries(wanted).every(([name, value]) => shown[name] === value);
    return { done, value: shown };
  });
}

let number = 0;

/// Starts a worker and waits until its first heartbeat was taken by each of `gateways` (one, or a
/// list). It ends with the test, or the file, that started it.
///
/// Options: `id`, `models`, `interval` in ms (0: only when beat() is called), `fields` (merged into
/// each heartbeat; a function is called for them), `token` (workers.token), `maxTasks`,
/// `endpoint: false` to announce none, `announce: false` to begin with start().
export async function startWorker(gateways, options = {}) {
  const worker = new Worker([gateways].flat(), options);
  await worker.start();
  return worker;
}

/// So many of them, at once; `options` may be a function of the index.
export function startWorkers(gateways, count, options = {}) {
  return Promise.all(
    Array.from({ length: count }, (_, i) =>
      startWorker(gateways, typeof options === 'function' ? options(i) : options),
    ),
  );
}

class Worker {
  constructor(gateways, options) {
    this.gateways = gateways;
    this.options = options;
    this.id = options.id ?? `worker-${++number}`;
    this.models = options.models ?? ['mock-c3'];
    this.interval = options.interval ?? 200;
    this.fields = options.fields ?? {};
    /// {status, body} of the last answer of each gateway; undefined when it did not answer.
    this.replies = gateways.map(() => undefined);
    this.beats = 0;
    this.paused = false;
  }

  /// Starts its engine, at another port than before, and announces it under a new boot id.
  async start() {
    this.mock = await startMock(this.options.args ?? []);
    this.url = this.mock.url;
    // One that is frozen could not end.
    const stop = this.mock.stop.bind(this.mock);
    this.mock.stop = async () => {
      this.pause();
      if (this.mock.running) this.mock.kill('SIGCONT');
      await stop();
    };
    this.bootId = randomUUID();
    this.seq = 0;
    this.resume();
    if (this.options.announce === false) this.pause();
    else await this.beat();
    after(() => this.pause());
    return this;
  }

  /// Now, to all gateways; the next one comes an interval later. `changes` hold for this one.
  async beat(changes = {}) {
    clearTimeout(this.timer);
    const body = await this.heartbeat(changes);
    this.beats += 1;
    this.replies = await Promise.all(
      this.gateways.map(async (gateway) => {
        try {
          const answer = await beat(gateway, body, { token: this.options.token });
          return { status: answer.status, body: await answer.json() };
        } catch {
          return undefined; // it restarts, perhaps
        }
      }),
    );
    this.schedule();
    return this.replies[0];
  }

  async heartbeat(changes = {}) {
    const fields = typeof this.fields === 'function' ? this.fields(this) : this.fields;
    const maxTasks = this.options.maxTasks ?? 8;
    return {
      worker_id: this.id,
      supported: this.models,
      total_vram: 24 * kGiB,
      available_vram: 20 * kGiB,
      active_tasks: await this.active(),
      max_tasks: maxTasks,
      ...(this.options.endpoint === false ? {} : { endpoint: this.url }),
      boot_id: this.bootId,
      seq: ++this.seq,
      interval_ms: this.interval || 5000,
      ...fields,
      ...changes,
    };
  }

  /// Requests that its engine works on now; the last known number where it does not answer.
  async active() {
    try {
      const answer = await fetch(`${this.mock.url}/mock/stats`, {
        signal: AbortSignal.timeout(1000),
      });
      this.lastActive = (await answer.json()).active;
    } catch {
      // It is frozen, or dead, and whoever tells of it may not know yet.
    }
    return this.lastActive ?? 0;
  }

  /// No heartbeats; the engine goes on.
  pause() {
    this.paused = true;
    clearTimeout(this.timer);
  }

  /// Heartbeats again, from the next interval on.
  resume() {
    this.paused = false;
    this.schedule();
  }

  schedule() {
    clearTimeout(this.timer);
    if (this.paused || this.interval === 0) return;
    this.timer = setTimeout(() => this.beat().catch(() => {}), this.interval);
    this.timer.unref();
  }

  /// The engine hangs, and the heartbeats go on (`silent`: end, too).
  freeze({ silent = false } = {}) {
    if (silent) this.pause();
    this.mock.kill('SIGSTOP');
  }

  thaw() {
    this.mock.kill('SIGCONT');
    if (this.paused) this.resume();
  }

  /// The whole machine is gone: engine and heartbeats.
  async kill9() {
    this.pause();
    const ended = this.mock.expectEnd();
    this.mock.kill('SIGKILL');
    await ended;
  }

  /// The engine alone is gone; heartbeats go on telling of it.
  async killEngine() {
    const ended = this.mock.expectEnd();
    this.mock.kill('SIGKILL');
    await ended;
  }

  /// Ends as it should: says that it drains, and goes.
  async stop() {
    await this.beat({ state: 'draining' });
    this.pause();
    await this.mock.stop();
  }

  /// The gateway shows it with all of `wanted`.
  is(wanted = { routable: true }, headers = {}) {
    return workerIs(this.gateways[0], this.id, wanted, headers);
  }

  /// How many requests its engine has got for a model, or in all.
  async requests(model) {
    const stats = await this.mock.stats();
    return (model === undefined ? stats : stats.models[model])?.requests ?? 0;
  }
}
