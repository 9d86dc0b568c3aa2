// GPU workers: they announce themselves, get requests, are listed, drained and lost; and why a
// request goes where it goes.
import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, test } from 'node:test';
import { kAdminToken, place } from '../harness/administration.mjs';
import { all, chat, openai } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import {
  beat,
  kHeartbeat,
  listWorkers,
  seedHeartbeat,
  startWorker,
  workerIs,
} from '../harness/workers.mjs';

const cloud = await startMock();

/// A worker that tells nothing but what it must.
const kElsewhere = { endpoint: 'http://127.0.0.1:9' };

/// Asks for a model without streaming; returns the answer.
async function ask(gateway, model, headers = {}) {
  const answer = await gateway.post('/v1/chat/completions', chat(model), headers);
  await answer.text();
  return answer;
}

describe('announcing', async () => {
  const gateway = await startGateway(configFor(cloud.url));

  test("the seed's heartbeat registers a worker that is shown, and not routable", async () => {
    const url = `http://localhost:${gateway.port}`;
    const first = await beat(gateway, seedHeartbeat(), { url });
    assert.equal(first.status, 200);
    const reply = await first.json();
    assert.equal(reply.known, false);
    assert.equal(reply.next_interval_ms, 5000);
    assert.ok(Math.abs(reply.gw_time - Date.now() / 1000) < 60);
    assert.equal((await (await beat(gateway, seedHeartbeat(), { url })).json()).known, true);
    const shown = await workerIs(gateway, 'gpu-4070tis-01', { routable: false });
    assert.match(shown.reason, /endpoint/);
    assert.deepEqual(shown.models, ['gpt-3.5-turbo', 'gpt-4']);
    assert.equal(shown.available_vram, 12884901888);
    assert.equal(shown.max_tasks, 2);
  });

  test('one that tells its endpoint answers a moment later', async () => {
    const worker = await startWorker(gateway, { models: ['mock-c4'] });
    const answer = await ask(gateway, 'mock-c4');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('x-sluice-provider'), 'workers');
    assert.equal(await worker.requests('mock-c4'), 1);
    const shown = await worker.is({ routable: true, state: 'ready' });
    assert.ok(shown.score > 0 && shown.score <= 1);
    assert.equal(shown.endpoint, worker.url);
    const stream = await openai(gateway).chat.completions.create(chat('mock-c4', { stream: true }));
    assert.ok((await all(stream)).length >= 4);
    const models = (await (
      await gateway.get('/v1/models', { authorization: `Bearer ${kClientKey}` })
    ).json()).data;
    assert.equal(models.find(({ id }) => id === 'mock-c4')?.owned_by, 'workers');
    await worker.stop();
    // Its provider takes over.
    assert.equal((await ask(gateway, 'mock-c4')).headers.get('x-sluice-provider'), 'oa');
  });

  test('bad heartbeats are refused with what is wrong', async () => {
    for (const [body, param] of [
      ['{', null],
      ['[]', null],
      [seedHeartbeat({ worker_id: undefined }), 'worker_id'],
      [seedHeartbeat({ worker_id: 'a\r\nb' }), 'worker_id'],
      [seedHeartbeat({ worker_id: 'x'.repeat(200) }), 'worker_id'],
      [seedHeartbeat({ max_tasks: -1 }), 'max_tasks'],
      [seedHeartbeat({ endpoint: 'http://user:secret@127.0.0.1:1' }), 'endpoint'],
      [seedHeartbeat({ endpoint: 'file:///etc/passwd' }), 'endpoint'],
    ]) {
      const answer = await beat(gateway, body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.equal((await answer.json()).error.param, param);
    }
    assert.equal((await beat(gateway, 'x'.repeat(300_000))).status, 413);
    const wrong = await gateway.get(kHeartbeat);
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get('allow'), 'POST');
  });

  test('a key sees its models and no endpoint, and nobody sees anything without one', async () => {
    const strange = { 'x-forwarded-for': '203.0.113.7' };
    assert.equal((await gateway.get('/v1/workers', strange)).status, 401);
    await beat(gateway, seedHeartbeat({ worker_id: 'seen', ...kElsewhere }));
    const seen = (await listWorkers(gateway, strange)).find(({ id }) => id === 'seen');
    assert.deepEqual(seen.models, ['gpt-3.5-turbo', 'gpt-4']);
    assert.ok(!('endpoint' in seen));
  });
});

describe('who may announce', async () => {
  const gateway = await startGateway(
    configFor(cloud.url, { server: { trusted_proxies: ['127.0.0.2'] } }),
  );
  const strange = { headers: { 'x-forwarded-for': '203.0.113.7' } };

  test('an endpoint from elsewhere is refused, and says how it would be taken', async () => {
    for (const headers of [
      { 'x-forwarded-for': '127.0.0.1' },
      { forwarded: 'for=127.0.0.1' },
      { 'x-real-ip': '127.0.0.1' },
      { origin: 'http://localhost:3000' },
    ]) {
      const answer = await beat(gateway, seedHeartbeat(kElsewhere), { headers });
      assert.equal(answer.status, 403, JSON.stringify(headers));
      const { error } = await answer.json();
      assert.equal(error.param, 'endpoint');
      assert.match(error.message, /workers\.token.*workers\.allow/);
    }
    assert.deepEqual(await listWorkers(gateway), []);
  });

  test('a stranger can neither take a worker over nor stop it, and squats on no name', async () => {
    const worker = await startWorker(gateway, { id: 'mine', models: ['mock-c2'], interval: 50 });
    for (const changes of [
      {},
      { ...kElsewhere },
      { state: 'draining' },
      { boot_id: worker.bootId, seq: 1e9 },
      { boot_id: 'another', active_tasks: 1000 },
    ]) {
      const body = seedHeartbeat({ worker_id: 'mine', supported: ['mock-c2'], ...changes });
      assert.equal((await beat(gateway, body, strange)).status, 403);
    }
    assert.equal((await ask(gateway, 'mock-c2')).headers.get('x-sluice-provider'), 'workers');
    assert.equal((await worker.is()).endpoint, worker.url);

    const squat = seedHeartbeat({ worker_id: 'late', boot_id: 'b', seq: 1e9 });
    assert.equal((await beat(gateway, squat, strange)).status, 200);
    const late = await startWorker(gateway, { id: 'late', models: ['mock-c2'] });
    assert.equal((await late.is()).endpoint, late.url);
    assert.equal((await beat(gateway, squat, strange)).status, 403);
  });

  test('strangers do not fill the fleet', async () => {
    const many = await Promise.all(
      Array.from({ length: 100 }, (_, i) =>
        beat(gateway, seedHeartbeat({ worker_id: `stranger-${i}` }), strange),
      ),
    );
    const counts = {};
    for (const { status } of many) counts[status] = (counts[status] ?? 0) + 1;
    assert.deepEqual(counts, { 200: 64, 429: 36 });
    await (await startWorker(gateway, { id: 'another' })).is();
  });

  test('with a token only who has it is taken, from anywhere', async () => {
    const guarded = await startGateway(configFor(cloud.url, { workers: { token: 'sesame' } }));
    for (const options of [{}, { token: 'sesam' }, { token: kClientKey }]) {
      assert.equal((await beat(guarded, seedHeartbeat(kElsewhere), options)).status, 401);
    }
    assert.deepEqual(await listWorkers(guarded), []);
    assert.equal(
      (await beat(guarded, seedHeartbeat(kElsewhere), { token: 'sesame', ...strange })).status,
      200,
    );
    const worker = await startWorker(guarded, { token: 'sesame' });
    await worker.is();
    assert.ok(!readLog(guarded).includes('sesame'));
  });
});

function readLog(gateway) {
  return gateway.stdout.text + gateway.stderr.text;
}

describe('leaving', async () => {
  const gateway = await startGateway(
    configFor(cloud.url, { workers: { ttl: '1500ms', cleanup_interval: '50ms' } }),
  );

  test('a worker that is drained finishes its streams and gets no more', async () => {
    const worker = await startWorker(gateway, { models: ['mock-c40-i20'], interval: 50 });
    const stream = await openai(gateway).chat.completions.create(
      chat('mock-c40-i20', { stream: true }),
    );
    const events = stream[Symbol.asyncIterator]();
    await events.next();
    const drained = await fetch(`${gateway.url}/v1/workers/${worker.id}`, { method: 'DELETE' });
    assert.equal(drained.status, 200);
    const state = await drained.json();
    assert.equal(state.state, 'draining');
    assert.equal(state.routable, false);
    assert.equal((await ask(gateway, 'mock-c40-i20')).headers.get('x-sluice-provider'), 'oa');
    let last;
    for (let next = await events.next(); !next.done; next = await events.next()) last = next.value;
    assert.equal(last.choices[0]?.finish_reason ?? 'stop', 'stop');
    assert.equal(await worker.requests('mock-c40-i20'), 1);
    // It stays out while it beats, and is back after a restart.
    await worker.beat();
    await worker.is({ state: 'draining' });
    await worker.mock.stop();
    await worker.start();
    await worker.is();
    assert.equal(
      (await fetch(`${gateway.url}/v1/workers/unknown`, { method: 'DELETE' })).status,
      404,
    );
    worker.pause();
  });

  test('one that is silent for the TTL is gone, and comes back with its next heartbeat', async () => {
    const worker = await startWorker(gateway, { models: ['mock-c6'], interval: 50 });
    await worker.is();
    worker.pause();
    await worker.is(null);
    assert.equal((await ask(gateway, 'mock-c6')).headers.get('x-sluice-provider'), 'oa');
    const reply = await worker.beat();
    assert.equal(reply.body.known, false);
    worker.resume();
    await worker.is();
    assert.equal((await ask(gateway, 'mock-c6')).headers.get('x-sluice-provider'), 'workers');
  });

  test('one whose engine has died is not asked again, and clients do not notice', async () => {
    const dead = await startWorker(gateway, { models: ['mock-c7'], interval: 50 });
    const other = await startWorker(gateway, { models: ['mock-c7'], interval: 50 });
    await dead.is();
    await dead.killEngine();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => ask(gateway, 'mock-c7')),
    );
    for (const { status } of answers) assert.equal(status, 200);
    assert.equal(await other.requests('mock-c7'), 10);
    await dead.is({ routable: false, breaker: 'open' });
    dead.pause();
  });
});

describe('explaining', async () => {
  const here = place(cloud, {
    routing: {
      rules: [
        { type: 'exact', pattern: 'mock-c1', target: 'pool' },
        { type: 'exact', pattern: 'mock-c2', target: 'workers' },
      ],
      groups: [
        {
          name: 'pool',
          strategy: 'weighted_round_robin',
          members: [
            { target: 'oa', weight: 3 },
            { target: 'workers', weight: 1 },
          ],
        },
      ],
      fallbacks: [{ from: 'pool', to: ['an'] }],
    },
  });
  const gateway = await startGateway(here.config, { folder: here.folder });
  const worker = await startWorker(gateway, { id: 'w-1', models: ['mock-c1', 'mock-c2'] });
  const dryRun = (body, headers = { authorization: `Bearer ${kAdminToken}` }) =>
    fetch(`${gateway.url}/api/admin/routing/dry-run`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });

  test('a dry run tells rule, tiers, targets with their terms, and the pick', async () => {
    await worker.is({ routable: true }, { authorization: `Bearer ${kAdminToken}` });
    const answer = await dryRun({ model: 'mock-c2', prompt_tokens: 1000, class: 'interactive' });
    assert.equal(answer.status, 200);
    const told = await answer.json();
    assert.equal(told.rule, 'exact mock-c2');
    assert.equal(told.tiers[0].name, 'workers');
    const [target] = told.tiers[0].targets;
    assert.equal(target.worker, 'w-1');
    assert.equal(target.available, true);
    assert.equal(target.picked, true);
    assert.equal(target.breaker, 'closed');
    assert.ok(target.score.total > 0 && target.score.concurrency === 1);
    assert.ok(target.predicted_ttft_ms > 0);
    assert.deepEqual(told.pick, { provider: 'workers', worker: 'w-1', model: 'mock-c2' });
    assert.equal(told.waits, false);
    assert.equal(told.saturation, 0);
    assert.deepEqual(told.queue, { interactive: 0, default: 0, bulk: 0, oldest_ms: 0 });
  });

  test('a dry run changes nothing: the turns of a group stay as they are', async () => {
    const picks = [];
    for (let i = 0; i < 8; ++i) {
      const { pick } = await (await dryRun({ model: 'mock-c1' })).json();
      const again = await (await dryRun({ model: 'mock-c1' })).json();
      assert.deepEqual(again.pick, pick);
      const answer = await ask(gateway, 'mock-c1');
      assert.equal(answer.headers.get('x-sluice-provider'), pick.provider);
      picks.push(pick.provider);
    }
    assert.equal(picks.filter((each) => each === 'oa').length, 6);
    const { tiers } = await (await dryRun({ model: 'mock-c1' })).json();
    assert.deepEqual(
      tiers.map(({ name, strategy }) => [name, strategy]),
      [
        ['pool', 'weighted_round_robin'],
        ['an', tiers[1].strategy],
      ],
    );
    assert.deepEqual(
      tiers[0].targets.map(({ weight }) => weight),
      [3, 1],
    );
  });

  test('the decision of a request that was sent tells what its worker was picked by', async () => {
    const answer = await ask(gateway, 'mock-c2');
    assert.equal(answer.headers.get('x-sluice-provider'), 'workers');
    const headers = { authorization: `Bearer ${kAdminToken}` };
    const rows = await (
      await gateway.get('/api/admin/usage?model=mock-c2&limit=1', headers)
    ).json();
    const row = await (await gateway.get(`/api/admin/usage/${rows.data[0].id}`, headers)).json();
    const { decision } = row;
    assert.equal(decision.rule, 'exact mock-c2');
    assert.equal(decision.worker, 'w-1');
    assert.equal(decision.candidates, 1);
    assert.equal(decision.active, 0);
    assert.ok(decision.score.total > 0.9);
    assert.equal(decision.score.concurrency, 1);
    assert.equal(decision.strategy, 'vram');
  });

  test('and by what the member of its group was', async () => {
    await ask(gateway, 'mock-c1');
    const headers = { authorization: `Bearer ${kAdminToken}` };
    const rows = await (
      await gateway.get('/api/admin/usage?model=mock-c1&limit=1', headers)
    ).json();
    const row = await (await gateway.get(`/api/admin/usage/${rows.data[0].id}`, headers)).json();
    const { decision } = row;
    assert.equal(decision.strategy, 'weighted_round_robin');
    assert.deepEqual(
      decision.targets.map(({ group, weight }) => [group, weight]),
      [
        ['pool', 3],
        ['pool', 1],
        [undefined, undefined],
      ],
    );
    assert.deepEqual(
      decision.targets.slice(0, 2).map(({ active }) => active),
      [0, 0],
    );
  });

  test('it takes a whole request, and refuses what a client would be refused', async () => {
    const request = chat('mock-c1', { max_tokens: 50 });
    const told = await (await dryRun({ request })).json();
    assert.equal(told.model, 'mock-c1');
    assert.ok(told.prompt_tokens > 0);
    for (const [body, status] of [
      [{}, 400],
      [{ model: 'mock-c1', class: 'urgent' }, 400],
      [{ model: 'mock-c1', route: '/v1/nothing' }, 400],
      [{ model: 'mock-c1', key: 'nobody' }, 400],
      [{ model: 'mock-c1', colour: 'red' }, 400],
      [{ request: { model: 7 } }, 400],
    ]) {
      assert.equal((await dryRun(body)).status, status, JSON.stringify(body));
    }
    assert.equal((await dryRun({ model: 'mock-c1' }, {})).status, 401);
  });

  test('sluice route explain says the same, through the gateway and without one', async () => {
    const told = await here.json('route', 'explain', 'mock-c2');
    assert.equal(told.pick.worker, 'w-1');
    const text = await here.text('route', 'explain', 'mock-c2', '--class', 'bulk');
    assert.match(text.stdout, /^mock-c2: exact mock-c2\n/);
    assert.match(text.stdout, /\*\s+w-1\s+mock-c2/);
    assert.match(text.stdout, /would go to worker w-1 as mock-c2\n$/);
    const workers = await (
      await fetch(`${gateway.url}/api/admin/workers`, {
        headers: { authorization: `Bearer ${kAdminToken}` },
      })
    ).json();
    assert.deepEqual(
      workers.data.map(({ id }) => id),
      ['w-1'],
    );
    await gateway.stop();
    const alone = await here.text('route', 'explain', 'mock-c1');
    assert.match(alone.stdout, /would go to oa as mock-c1\n$/);
    assert.match(alone.stderr, /no gateway runs.*workers/);
    assert.equal((await here.sluice('route', 'explain')).code, 2);
  });

  test('an unknown model gets the message that a client gets', async () => {
    const closed = await startGateway(
      configFor(cloud.url, {
        providers: [
          { name: 'only', type: 'openai', base_url: cloud.url, api_keys: ['k'], models: ['a'] },
        ],
      }),
    );
    const dry = await fetch(`${closed.url}/api/admin/routing/dry-run`, {
      method: 'POST',
      body: JSON.stringify({ model: 'unknown' }),
    });
    assert.equal(dry.status, 404);
    const client = await closed.post('/v1/chat/completions', chat('unknown'));
    assert.equal(client.status, 404);
    assert.equal((await dry.json()).error.message, (await client.json()).error.message);
  });
});

/// A service as others write them: it tells its health, has a list of models, and answers.
async function startService(models) {
  const service = { well: true, checks: 0, asked: 0 };
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.url === '/health') {
      service.checks += 1;
      response.statusCode = service.well ? 200 : 503;
      response.end();
    } else if (request.url === '/v1/models') {
      response.end(JSON.stringify({ object: 'list', data: models.map((id) => ({ id })) }));
    } else {
      service.asked += 1;
      response.setHeader('content-type', 'application/json');
      const message = { role: 'assistant', content: 'Found.' };
      response.end(
        JSON.stringify({
          id: 'x',
          object: 'chat.completion',
          model: models[0],
          choices: [{ index: 0, message, finish_reason: 'stop' }],
          usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
        }),
      );
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  service.port = server.address().port;
  return service;
}

describe('discovery', async () => {
  const service = await startService(['found-model']);
  const other = await startService(['ignored']);
  const config = configFor(cloud.url, {
    providers: [],
    discovery: {
      interval: '20ms',
      services: {
        'python-models': {
          host: '127.0.0.1',
          port: service.port,
          protocol: 'http',
          health_check: '/health',
        },
        named: { host: '127.0.0.1', port: other.port, models: ['named-model'], max_tasks: 4 },
      },
    },
  });
  const gateway = await startGateway(config);

  test('services are found, with the models that they or the configuration tell', async () => {
    const found = await workerIs(gateway, 'python-models');
    assert.equal(found.discovered, true);
    assert.deepEqual(found.models, ['found-model']);
    const named = await workerIs(gateway, 'named');
    assert.deepEqual(named.models, ['named-model']);
    assert.equal(named.max_tasks, 4);
    const answer = await gateway.post('/v1/chat/completions', chat('found-model'));
    assert.equal((await answer.json()).choices[0].message.content, 'Found.');
    assert.equal(service.asked, 1);
  });

  test('one that is not well gets no requests until it is', async () => {
    service.well = false;
    const shown = await workerIs(gateway, 'python-models', { state: 'unhealthy' });
    assert.equal(shown.routable, false);
    assert.match(shown.reason, /health/);
    assert.equal((await ask(gateway, 'found-model')).status, 404);
    service.well = true;
    await workerIs(gateway, 'python-models');
    assert.equal((await ask(gateway, 'found-model')).status, 200);
    assert.equal(service.asked, 2);
  });

  test('a reload changes the set', async () => {
    const { named } = config.discovery.services;
    const changed = { ...config, discovery: { ...config.discovery, services: { named } } };
    assert.ok(await gateway.reload(changed));
    await workerIs(gateway, 'python-models', null);
    await workerIs(gateway, 'named');
  });
});
