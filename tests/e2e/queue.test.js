// Requests that wait for a GPU worker: in which order, how long, what shows that they do, and who
// is told that more workers are wanted.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';
import { listWorkers, startWorker } from '../harness/workers.mjs';

const kModel = 'mock-c2';
const kEndless = 'mock-c2-f60000'; // does not answer while a test runs
const kOtherKey = 'sk-client-other-0123456789';

/// A gateway and one worker with one place, which is taken until `free` is called.
async function fullWorker(changes = {}, options = {}) {
  const cloud = await startMock();
  const gateway = await startGateway(
    configFor(cloud.url, {
      keys: [
        { key: kClientKey, name: 'tester' },
        { key: kOtherKey, name: 'other' },
      ],
      ...changes,
      routing: {
        retry: { budget: 1, backoff: '10ms' },
        rules: [{ type: 'prefix', pattern: 'mock-*', target: 'workers' }],
        cloud: { max_wait: { interactive: '60s', default: '60s', bulk: '60s' } },
        ...changes.routing,
      },
    }),
  );
  const worker = await startWorker(gateway, {
    models: [kModel, kEndless],
    maxTasks: 1,
    interval: 0,
    ...options,
  });
  const occupant = new AbortController();
  const occupied = ask(gateway, { model: kEndless, signal: occupant.signal });
  await until('the worker to be busy', async () => {
    const [shown] = await listWorkers(gateway);
    return { done: shown.effective.in_flight === 1, value: shown };
  });
  const free = async () => {
    occupant.abort();
    await assert.rejects(occupied);
  };
  return { gateway, worker, cloud, free };
}

/// Asks without streaming; resolves to the answer with `text`.
async function ask(gateway, { model = kModel, urgency, key = kClientKey, signal } = {}) {
  const headers = { authorization: `Bearer ${key}` };
  if (urgency) headers['x-sluice-class'] = urgency;
  const answer = await gateway.post('/v1/chat/completions', chat(model), headers, { signal });
  await answer.text();
  return answer;
}

/// The value of a gauge in /metrics, whose labels are all of `labels`; undefined: it is not there.
async function gauge(gateway, name, labels) {
  const text = await (await gateway.get('/metrics')).text();
  const line = text
    .split('\n')
    .find(
      (each) =>
        each.startsWith(`${name}{`) &&
        Object.entries(labels).every(([label, value]) => each.includes(`${label}="${value}"`)),
    );
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

function waiting(gateway, urgency, count) {
  return until(`${count} of ${urgency} to wait`, async () => {
    const value = await gauge(gateway, 'gateway_queue_depth', { model: kModel, class: urgency });
    return { done: value === count, value };
  });
}

test('the more urgent go first, and within a class who came first', async () => {
  const { gateway, free } = await fullWorker();
  const order = [];
  const answers = [];
  for (const [i, urgency] of ['bulk', 'default', 'default', 'interactive'].entries()) {
    answers.push(ask(gateway, { urgency }).then((answer) => order.push([i, answer.status])));
    await waiting(gateway, urgency, i === 2 ? 2 : 1);
  }
  await free();
  await Promise.all(answers);
  assert.deepEqual(order, [
    [3, 200],
    [1, 200],
    [2, 200],
    [0, 200],
  ]);
});

test('a key with many that wait does not delay the one request of another', async () => {
  const { gateway, free } = await fullWorker();
  const order = [];
  const answers = [];
  for (let i = 0; i < 20; ++i) answers.push(ask(gateway).then(() => order.push('many')));
  await waiting(gateway, 'default', 20);
  answers.push(ask(gateway, { key: kOtherKey }).then(() => order.push('one')));
  await waiting(gateway, 'default', 21);
  await free();
  await Promise.all(answers);
  assert.ok(order.indexOf('one') <= 2, `it came as number ${order.indexOf('one')}`);
});

test('a client that leaves gives up its place, and nothing is sent for it', async () => {
  const { gateway, worker, free } = await fullWorker();
  const impatient = new AbortController();
  const left = ask(gateway, { signal: impatient.signal });
  await waiting(gateway, 'default', 1);
  impatient.abort();
  await assert.rejects(left);
  await waiting(gateway, 'default', 0);
  await free();
  assert.equal((await ask(gateway)).status, 200);
  assert.equal(await worker.requests(kModel), 1);
});

test('who waits longer than its class may is told to come again', async () => {
  const { gateway, free } = await fullWorker({
    routing: { cloud: { max_wait: { interactive: '50ms', default: '60s', bulk: '60s' } } },
  });
  const answer = await ask(gateway, { urgency: 'interactive' });
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  await free();
});

const kWell = { timeout: 30_000 }; // below the patience of who waits

test('when the last worker is gone, who waits for it goes elsewhere at once', kWell, async () => {
  const { gateway, worker, cloud, free } = await fullWorker({
    routing: { fallbacks: [{ from: 'workers', to: ['oa'] }] },
    workers: { ttl: '1s', cleanup_interval: '100ms' },
  });
  const answer = ask(gateway);
  await waiting(gateway, 'default', 1);
  worker.freeze({ silent: true }); // connections stay open: only its silence tells
  assert.equal((await answer).headers.get('x-sluice-provider'), 'oa');
  assert.equal((await cloud.stats()).models[kModel].requests, 1);
  await free();
});

test('gauges and the webhook tell that more workers are wanted', async () => {
  const told = [];
  const hook = http.createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    told.push({ url: request.url, ...JSON.parse(body) });
    response.writeHead(204).end();
  });
  await new Promise((resolve) => hook.listen(0, '127.0.0.1', resolve));
  after(() => hook.close());
  const { gateway, worker, free } = await fullWorker({
    routing: { scale_webhook: `http://127.0.0.1:${hook.address().port}/scale?token=t%20x` },
  });
  const answers = Array.from({ length: 3 }, () => ask(gateway));
  await waiting(gateway, 'default', 3);
  const of = { model: kModel };
  assert.equal(await gauge(gateway, 'gateway_saturation', of), 1);
  assert.equal(await gauge(gateway, 'gateway_desired_workers', of), 5);
  assert.ok((await gauge(gateway, 'gateway_queue_oldest_wait_seconds', of)) > 0);
  assert.equal(await gauge(gateway, 'gateway_worker_active', { worker: worker.id }), 1);
  assert.equal(await gauge(gateway, 'gateway_workers', { state: 'ready' }), 1);
  assert.equal(await gauge(gateway, 'gateway_circuit_breaker_state', { worker: worker.id }), 0);
  assert.equal(await gauge(gateway, 'gateway_circuit_breaker_state', { provider: 'oa' }), 0);

  const message = await until('the webhook', async () => {
    const value = told.find((each) => each.model === kModel);
    return { done: value !== undefined, value };
  });
  assert.equal(message.url, '/scale?token=t%20x');
  assert.equal(message.saturated, true);
  assert.equal(message.workers, 1);
  assert.ok(message.desired_workers > 1);
  // It is told once the workers are full, perhaps before anybody waits.
  assert.ok(message.queue_depth >= 0 && message.queue_depth <= 3);
  await free();
  for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
});
