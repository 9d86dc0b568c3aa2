// Workers that announce themselves well and answer badly: they may not draw the requests that others
// would have answered.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { json, startUpstream } from '../harness/upstream.mjs';
import { beat, listWorkers, seedHeartbeat } from '../harness/workers.mjs';

const kNowhere = 'http://127.0.0.1:1';

function start(routing = {}) {
  return startGateway(configFor(kNowhere, { providers: [], routing }));
}

async function announce(gateway, id, model, endpoint, changes = {}) {
  const answer = await beat(
    gateway,
    seedHeartbeat({ worker_id: id, supported: [model], endpoint, max_tasks: 8, ...changes }),
  );
  assert.equal(answer.status, 200, await answer.text());
}

function answers({ socket }) {
  const message = { role: 'assistant', content: 'good' };
  const choices = [{ index: 0, message, finish_reason: 'stop' }];
  socket.write(json(200, { id: 'x', object: 'chat.completion', choices }));
}

describe('a worker that answers every request with', () => {
  for (const status of [302, 401, 403, 429, 500]) {
    test(`${status} is soon left out, and clients do not notice`, async () => {
      const [bad, good] = [await startUpstream(), await startUpstream()];
      const model = bad.on('m', ({ socket }) =>
        socket.write(json(status, { error: { message: 'no' } }, { location: kNowhere })),
      );
      good.on(model, answers);
      const gateway = await start({ retry: { budget: 1, backoff: '1ms' } });
      await announce(gateway, 'bad', model, bad.url);
      // It looks worse, and is asked for what the other does not answer.
      await announce(gateway, 'good', model, good.url, { active_tasks: 4 });
      for (let i = 0; i < 20; ++i) {
        const answer = await gateway.post('/v1/chat/completions', chat(model));
        assert.equal(answer.status, 200, await answer.text());
      }
      const asked = bad.of(model).length;
      assert.ok(asked >= 1 && asked <= 8, `it was asked ${asked} times`);
    });
  }
});

describe('a worker that has not what it announces', () => {
  for (const [status, message] of [
    [404, 'The model `m` does not exist.'],
    [404, 'Not Found'],
    [405, 'Method Not Allowed'],
  ]) {
    test(`answers ${status} ${message}: others are asked, and soon it is not`, async () => {
      const [bad, good] = [await startUpstream(), await startUpstream()];
      const model = bad.on('m', ({ socket }) => socket.write(json(status, { error: { message } })));
      good.on(model, answers);
      const gateway = await start({ retry: { budget: 1 } });
      await announce(gateway, 'bad', model, bad.url);
      await announce(gateway, 'good', model, good.url, { active_tasks: 4 });
      for (let i = 0; i < 20; ++i) {
        const answer = await gateway.post('/v1/chat/completions', chat(model));
        assert.equal(answer.status, 200, await answer.text());
        assert.equal(answer.headers.get('x-sluice-worker'), 'good');
      }
      const asked = bad.of(model).length;
      assert.ok(asked >= 3 && asked <= 8, `it was asked ${asked} times`);
      const shown = (await listWorkers(gateway)).find((each) => each.id === 'bad');
      assert.deepEqual(shown.declines, [model]);
      assert.equal(shown.routable, false);
      assert.match(shown.reason, /declined/);
    });
  }

  test('is passed by for a provider, and gives its own answer where there is nobody', async () => {
    const [bad, cloud] = [await startUpstream(), await startUpstream()];
    const model = bad.on('m', ({ socket }) =>
      socket.write(json(404, { error: { message: `model ${'m'} not found` } })),
    );
    cloud.on('big', answers);
    const gateway = await startGateway(
      configFor(cloud.url, {
        routing: {
          fallbacks: [{ from: 'workers', to: [{ target: 'oa', model: 'big' }] }],
          retry: { budget: 1 },
        },
      }),
    );
    await announce(gateway, 'bad', model, bad.url);
    const saved = await gateway.post('/v1/chat/completions', chat(model));
    assert.equal(saved.status, 200, await saved.text());
    const alone = await start();
    await announce(alone, 'bad', model, bad.url);
    const answer = await alone.post('/v1/chat/completions', chat(model));
    assert.equal(answer.status, 404);
    assert.match((await answer.json()).error.message, /not found/);
  });
});

test('a decision names the best others with their terms, and why the rest were passed over', async () => {
  const token = 'admin-token-of-this-test-0123456789';
  const gateway = await startGateway(
    configFor(kNowhere, { providers: [], auth: { admin_token: token } }),
  );
  const upstream = await startUpstream();
  const model = upstream.on('m', answers);
  for (let i = 0; i < 6; ++i) {
    await announce(gateway, `w${i}`, model, upstream.url, { active_tasks: i });
  }
  await announce(gateway, 'full', model, upstream.url, { active_tasks: 8 });
  const answer = await gateway.post('/v1/chat/completions', chat(model));
  assert.equal(answer.status, 200, await answer.text());
  const get = async (path) =>
    (await gateway.get(`/api/admin/usage${path}`, { authorization: `Bearer ${token}` })).json();
  const { decision } = await get(`/${(await get('?limit=1')).data[0].id}`);
  const picked = answer.headers.get('x-sluice-worker');
  assert.equal(decision.worker, picked);
  assert.equal(decision.candidates, 6);
  assert.deepEqual(decision.passed_over, { 'it is full': 1 });
  const rivals = ['w0', 'w1', 'w2', 'w3'].filter((id) => id !== picked).slice(0, 3);
  assert.deepEqual(
    decision.rivals.map(({ worker, active }) => [worker, active]),
    rivals.map((id) => [id, Number(id.slice(1))]),
  );
  assert.ok(JSON.stringify(decision).length < 700);
});

describe('a worker that refuses requests', () => {
  test('which others answer is soon left out', async () => {
    const [bad, good] = [await startUpstream(), await startUpstream()];
    const model = bad.on('m', ({ socket }) =>
      socket.write(json(400, { error: { message: 'What is this?' } })),
    );
    good.on(model, answers);
    const gateway = await start({ retry: { budget: 1 } });
    await announce(gateway, 'bad', model, bad.url);
    await announce(gateway, 'good', model, good.url, { active_tasks: 4 });
    const seen = [];
    for (let i = 0; i < 20; ++i) {
      const answer = await gateway.post('/v1/chat/completions', chat(model));
      seen.push(answer.status);
      await answer.text();
    }
    // The first few may be the client's own fault, as far as anybody can tell.
    assert.deepEqual(seen.slice(4), Array(16).fill(200));
    const asked = bad.of(model).length;
    assert.ok(asked <= 9, `it was asked ${asked} times`);
  });

  test('that are wrong stays, however many they are', async () => {
    const refuse = ({ socket, request }) =>
      request.body.includes('wrong')
        ? socket.write(json(400, { error: { message: 'What is this?' } }))
        : answers({ socket });
    const [one, two] = [await startUpstream(), await startUpstream()];
    const model = one.on('m', refuse);
    two.on(model, refuse);
    const gateway = await start({ retry: { budget: 1 } });
    await announce(gateway, 'one', model, one.url);
    await announce(gateway, 'two', model, two.url, { active_tasks: 4 });
    for (let i = 0; i < 30; ++i) {
      const answer = await gateway.post('/v1/chat/completions', {
        ...chat(model),
        messages: [{ role: 'user', content: 'wrong' }],
      });
      assert.equal(answer.status, 400);
      await answer.text();
    }
    for (const shown of await listWorkers(gateway)) {
      assert.deepEqual(shown.declines, []);
      assert.equal(shown.routable, true);
    }
    // Somebody else was asked now and then, not for each.
    const asked = one.of(model).length + two.of(model).length;
    assert.ok(asked >= 30 && asked <= 45, `they were asked ${asked} times`);
  });
});

describe('a prompt that fits no worker', () => {
  const kModel = 'mock-c1-l20';
  const kLong = [{ role: 'user', content: 'word '.repeat(200) }];

  test("gets the engine's own refusal, in either dialect", async () => {
    const [gateway, engine] = [await start(), await startMock()];
    await announce(gateway, 'w', kModel, engine.url, { models: [{ id: kModel, max_len: 20 }] });
    const openai = await gateway.post('/v1/chat/completions', { model: kModel, messages: kLong });
    assert.equal(openai.status, 400);
    assert.equal((await openai.json()).error.code, 'context_length_exceeded');
    const anthropic = await gateway.post('/v1/messages', {
      model: kModel,
      messages: kLong,
      max_tokens: 5,
    });
    assert.equal(anthropic.status, 400);
    assert.match((await anthropic.json()).error.message, /^prompt is too long: /);
  });

  test('goes to a longer one, and to that alone', async () => {
    const [gateway, engine] = [await start(), await startMock()];
    const longer = await startUpstream();
    longer.on(kModel, answers);
    await announce(gateway, 'w', kModel, engine.url, { models: [{ id: kModel, max_len: 20 }] });
    await announce(gateway, 'longer', kModel, longer.url, { active_tasks: 7 });
    for (let i = 0; i < 5; ++i) {
      const answer = await gateway.post('/v1/chat/completions', { model: kModel, messages: kLong });
      assert.equal(answer.status, 200, await answer.text());
    }
    assert.equal((await engine.stats()).models[kModel], undefined);
  });
});
