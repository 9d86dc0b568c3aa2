// What routing to GPU workers promises (docs/routing.md), on real processes: the gateway, workers
// that are scripted upstreams, and heartbeats.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';
import { beat, kHeartbeat, listWorkers, startWorker, startWorkers } from '../harness/workers.mjs';

const kChat = '/v1/chat/completions';

/// A gateway whose models are served by workers; `cloud` is the scripted upstream of its providers.
async function gatewayFor(changes = {}, options = {}) {
  const cloud = await startMock();
  const gateway = await startGateway(
    configFor(cloud.url, { routing: { retry: { budget: 1, backoff: '10ms' } }, ...changes }),
    options,
  );
  return { gateway, cloud };
}

function ask(gateway, model, { stream = true, signal, headers = {} } = {}) {
  return gateway.post(
    kChat,
    { model, stream, messages: [{ role: 'user', content: 'How are you?' }] },
    headers,
    { signal },
  );
}

/// The whole answer of a stream, which must be a full one.
async function whole(answer) {
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  assert.ok(text.includes('[DONE]'), `no end in ${text.slice(-200)}`);
  assert.ok(!text.includes('"error"'), text.slice(-300));
  return answer.headers.get('x-sluice-worker');
}

const tally = (names) => {
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
};

/// Nothing runs on any worker, as far as the gateway knows.
function idle(gateway) {
  return until('all ledgers to be back at 0', async () => {
    const workers = await listWorkers(gateway);
    const busy = workers.filter((each) => each.effective.in_flight !== 0);
    return { done: busy.length === 0, value: busy };
  });
}

test('200 arrivals between two heartbeats are spread over 8 equal workers', async () => {
  const { gateway } = await gatewayFor();
  await startWorkers(gateway, 8, { models: ['mock-c3-f300'], interval: 0, maxTasks: 64 });
  const answers = await Promise.all(
    Array.from({ length: 200 }, async () => whole(await ask(gateway, 'mock-c3-f300'))),
  );
  const counts = [...tally(answers).values()];
  assert.equal(counts.length, 8);
  assert.ok(Math.max(...counts) <= 1.3 * 25, `shares ${counts}`);
  await idle(gateway);
});

for (const interval of [250, 15_000]) {
  test(`with a heartbeat every ${interval} ms no worker gets more than it has room for`, async () => {
    const { gateway } = await gatewayFor({ routing: { cloud: { allow: false } } });
    const model = 'mock-c4-i15';
    const workers = await startWorkers(gateway, 4, { models: [model], interval, maxTasks: 4 });
    let most = 0;
    let left = 160;
    const client = async () => {
      while (left-- > 0) {
        await whole(await ask(gateway, model));
        for (const each of await listWorkers(gateway)) most = Math.max(most, each.effective.in_flight);
      }
    };
    await Promise.all(Array.from({ length: 20 }, client));
    assert.ok(most <= 4, `${most} at once`);
    const shares = await Promise.all(workers.map((each) => each.requests(model)));
    assert.equal(
      shares.reduce((a, b) => a + b),
      160,
    );
    assert.ok(Math.max(...shares) <= 1.5 * 40, `shares ${shares}`);
    await idle(gateway);
  });
}

test('a model goes to no worker that does not serve it', async () => {
  const { gateway, cloud } = await gatewayFor();
  const other = await startWorker(gateway, { models: ['mock-c2'] });
  const right = await startWorker(gateway, { models: ['mock-c3'], maxTasks: 100 });
  for (let i = 0; i < 20; i += 1) assert.equal(await whole(await ask(gateway, 'mock-c3')), right.id);
  assert.equal(await other.requests(), 0);
  // Nobody serves this one: the provider does.
  const answer = await ask(gateway, 'mock-c4');
  assert.equal(await whole(answer), null);
  assert.equal(answer.headers.get('x-sluice-provider'), 'oa');
  assert.equal((await cloud.stats()).requests, 1);
});

test('a fallback worker gets nothing below saturation, and what is too much above it', async () => {
  const { gateway } = await gatewayFor({ routing: { cloud: { allow: false } } });
  const model = 'mock-c3-f400';
  const local = await startWorkers(gateway, 2, { models: [model], maxTasks: 2 });
  const fallback = await startWorker(gateway, {
    models: [model],
    maxTasks: 50,
    fields: { is_fallback: true },
  });
  await Promise.all(Array.from({ length: 3 }, async () => whole(await ask(gateway, model))));
  assert.equal(await fallback.requests(), 0);
  await Promise.all(Array.from({ length: 12 }, async () => whole(await ask(gateway, model))));
  assert.ok((await fallback.requests()) > 0);
  const there = await Promise.all(local.map((each) => each.requests()));
  assert.ok(there.every((each) => each > 0));
});

test('when all workers are full, requests go to the provider that has the model too', async () => {
  const model = 'mock-c3-f1000';
  const { gateway, cloud } = await gatewayFor({
    routing: {
      rules: [{ type: 'exact', pattern: model, target: 'workers' }],
      fallbacks: [{ from: 'workers', to: ['oa'] }],
      cloud: { max_wait: { interactive: '0ms', default: '0ms', bulk: '60s' } },
    },
  });
  await startWorker(gateway, { models: [model], maxTasks: 2 });
  const answers = await Promise.all(Array.from({ length: 6 }, () => ask(gateway, model)));
  for (const each of answers) await whole(each);
  const providers = tally(answers.map((each) => each.headers.get('x-sluice-provider')));
  assert.equal(providers.get('workers'), 2);
  assert.equal(providers.get('oa'), 4);
  assert.equal((await cloud.stats()).models[model].requests, 4);
});

test('without a way out the client is told when to come again', async () => {
  const model = 'mock-c3-f1500';
  const { gateway } = await gatewayFor({
    routing: {
      rules: [{ type: 'exact', pattern: model, target: 'workers' }],
      cloud: { max_wait: { interactive: '50ms', default: '100ms', bulk: '60s' } },
    },
  });
  await startWorker(gateway, { models: [model], maxTasks: 1 });
  const first = ask(gateway, model);
  await until('the worker to be busy', async () => {
    const [worker] = await listWorkers(gateway);
    return { done: worker.effective.in_flight === 1, value: worker };
  });
  const refused = await ask(gateway, model);
  assert.equal(refused.status, 503);
  assert.ok(Number(refused.headers.get('retry-after')) >= 1);
  assert.equal((await refused.json()).error.code, 'upstream_saturated');
  const anthropic = await gateway.post('/v1/messages', {
    model,
    max_tokens: 10,
    messages: [{ role: 'user', content: 'How are you?' }],
  });
  assert.equal(anthropic.status, 529);
  assert.equal((await anthropic.json()).error.type, 'overloaded_error');
  // A bulk request has the time to wait.
  const patient = ask(gateway, model, { headers: { 'x-sluice-class': 'bulk' } });
  await whole(await first);
  await whole(await patient);
  const wrong = await ask(gateway, model, { headers: { 'x-sluice-class': 'urgent' } });
  assert.equal(wrong.status, 400);
});

test('kill -9 of a worker: nobody without an answer sees an error, and it gets nothing more', async () => {
  const { gateway } = await gatewayFor();
  const model = 'mock-c3-f700';
  const workers = await startWorkers(gateway, 3, {
    models: [model],
    maxTasks: 64,
    interval: 60_000,
  });
  const asked = Array.from({ length: 30 }, () => ask(gateway, model));
  await until('all to be asked', async () => {
    const there = await Promise.all(workers.map((each) => each.requests(model)));
    return { done: there.reduce((a, b) => a + b) === 30 && there.every((n) => n > 0), value: there };
  });
  await workers[0].kill9();
  const answers = await Promise.all(asked.map(async (each) => whole(await each)));
  assert.ok(!answers.includes(workers[0].id));
  // No heartbeat has told of it, and its last one is fresh: the connections did.
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const answer = await ask(gateway, model);
      assert.equal(answer.headers.get('x-sluice-attempts'), '1');
      await whole(answer);
    }),
  );
  const shown = (await listWorkers(gateway)).find((each) => each.id === workers[0].id);
  assert.notEqual(shown.breaker, 'closed');
});

test('after 10,000 random aborts every ledger is back at 0', { timeout: 240_000 }, async () => {
  const { gateway } = await gatewayFor({ logging: { level: 'warn', format: 'json' } });
  const models = ['mock-c3-f40', 'mock-c200-i5', 'mock-c3-f5-i5'];
  await startWorkers(gateway, 4, { models, maxTasks: 200, interval: 500 });
  let left = 10_000;
  let answered = 0;
  const client = async (n) => {
    while (left-- > 0) {
      const leaving = new AbortController();
      setTimeout(() => leaving.abort(), (left * 7919 + n * 31) % 60);
      try {
        await whole(await ask(gateway, models[left % 3], { signal: leaving.signal }));
        answered += 1;
      } catch (error) {
        assert.equal(error.name, 'AbortError', String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: 100 }, (_, n) => client(n)));
  assert.ok(answered > 100 && answered < 9_000, `${answered} had their answer`);
  await idle(gateway);
});

test('workers register again within two intervals of a restart, and none is overrun', async () => {
  const { gateway, cloud } = await gatewayFor();
  const model = 'mock-c3-f100';
  const workers = await startWorkers([gateway], 4, { models: [model], interval: 300, maxTasks: 50 });
  for (const each of workers) await each.is({ routable: true });
  await gateway.stop();
  const again = await startGateway(configFor(cloud.url, { server: { port: gateway.port } }), {
    folder: gateway.folder,
  });
  const seen = workers.map((each) => each.beats);
  for (const each of workers) each.gateways = [again];
  // Requests that come while the workers do.
  const answers = [];
  await until('all workers to be back', async () => {
    answers.push(ask(again, model).then(async (answer) => (await whole(answer)) ?? 'cloud'));
    const routable = (await listWorkers(again)).filter((each) => each.routable);
    return { done: routable.length === 4, value: routable };
  });
  const beats = workers.map((each, i) => each.beats - seen[i]);
  assert.ok(Math.max(...beats) <= 3, `beats ${beats}`);
  const after = await Promise.all(
    Array.from({ length: 80 }, async () => whole(await ask(again, model))),
  );
  await Promise.all(answers);
  const counts = [...tally(after).values()];
  assert.equal(counts.length, 4);
  assert.ok(Math.max(...counts) <= 1.5 * 20, `shares ${counts}`);
});

test('replayed, doubled and reordered heartbeats change nothing', async () => {
  const { gateway } = await gatewayFor();
  const worker = await startWorker(gateway, { models: ['mock-c3'], interval: 0 });
  const old = await worker.heartbeat({ active_tasks: 7, max_tasks: 8, supported: ['old'] });
  const fresh = await worker.heartbeat({ active_tasks: 2, max_tasks: 8 });
  for (const body of [fresh, old, fresh, old, old]) {
    const answer = await beat(gateway, body);
    assert.equal(answer.status, 200);
    assert.equal((await answer.json()).known, true);
  }
  const [shown] = await listWorkers(gateway);
  assert.equal(shown.effective.active, 2);
  assert.deepEqual(shown.models, ['mock-c3']);
});

for (const skew of [-3600, 3600]) {
  test(`a worker whose clock is ${skew} s off is like any other`, async () => {
    const { gateway } = await gatewayFor();
    const model = 'mock-c3-f100';
    const fields = () => ({ sample_at: Date.now() / 1000 + skew });
    const [skewed, right] = await startWorkers(gateway, 2, (i) => ({
      models: [model],
      interval: 100,
      maxTasks: 40,
      fields: i === 0 ? fields : { sample_at: undefined },
    }));
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 16 }, async () => whole(await ask(gateway, model))));
    }
    const shares = await Promise.all([skewed, right].map((each) => each.requests(model)));
    assert.ok(Math.min(...shares) >= 24, `shares ${shares}`);
    await idle(gateway);
    const workers = await listWorkers(gateway);
    assert.ok(workers.every((each) => each.state === 'ready'));
  });
}

test('a worker that becomes three times slower loses share', { timeout: 60_000 }, async () => {
  const { gateway } = await gatewayFor();
  const model = 'mock-c10-f40-i10';
  const workers = await startWorkers(gateway, 3, { models: [model], interval: 500, maxTasks: 16 });
  const round = async () => {
    let left = 150;
    const names = [];
    const client = async () => {
      while (left-- > 0) names.push(await whole(await ask(gateway, model)));
    };
    await Promise.all(Array.from({ length: 15 }, client));
    return tally(names).get(workers[0].id) ?? 0;
  };
  const before = await round();
  await fetch(`${workers[0].mock.url}/mock/pace?times=3`, { method: 'POST' });
  const afterwards = await round();
  assert.ok(before >= 35, `${before} of 150 before`);
  assert.ok(afterwards <= 0.75 * before, `${afterwards} of 150 after ${before}`);
});

test('the heartbeat of the source document works as it is printed', async () => {
  const { gateway } = await gatewayFor();
  const answer = await fetch(gateway.url + kHeartbeat, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      worker_id: 'gpu-4070tis-01',
      supported: ['gpt-3.5-turbo', 'gpt-4'],
      total_vram: 12884901888,
      available_vram: 12884901888,
      active_tasks: 0,
      max_tasks: 2,
    }),
  });
  assert.equal(answer.status, 200);
  const reply = await answer.json();
  assert.equal(reply.known, false);
  assert.equal(reply.next_interval_ms, 5000);
  const listed = await gateway.get('/v1/workers', { authorization: `Bearer ${kClientKey}` });
  const [shown] = (await listed.json()).data;
  assert.equal(shown.id, 'gpu-4070tis-01');
  assert.equal(shown.routable, false);
  assert.match(shown.reason, /endpoint/);
});
