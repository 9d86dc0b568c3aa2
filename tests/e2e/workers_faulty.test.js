// Workers that announce themselves well and answer badly: they may not draw the requests that others
// would have answered.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { json, startUpstream } from '../harness/upstream.mjs';
import { beat, seedHeartbeat } from '../harness/workers.mjs';

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
