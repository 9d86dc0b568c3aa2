// What upstreams tell of their models: who gets it, and what becomes of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { all, anthropic, chat, openai, refusal } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const gateway = await startGateway(configFor(mock.url));
const kTold = 'claude-told-20260101'; // at most 4321 tokens, says the upstream's list

test('what the list tells is in force once it is known', async () => {
  const client = openai(gateway);
  const sent = async (more) => {
    await client.chat.completions.create(chat('claude-told', more));
    return JSON.parse((await mock.requestsFor('claude-told')).at(-1).body);
  };
  assert.equal((await sent({ max_tokens: 50_000 })).max_tokens, 50_000);
  await client.models.list();
  assert.equal((await sent({ max_tokens: 50_000 })).max_tokens, 4321);
  const { thinking, output_config } = await sent({ reasoning_effort: 'low' });
  assert.equal(thinking.type, 'enabled');
  assert.equal(output_config, undefined);
});

test('entries say what is known of each model', async () => {
  const told = await anthropic(gateway).models.retrieve(kTold);
  assert.equal(told.max_tokens, 4321);
  assert.equal(told.max_input_tokens, 100_000);
  assert.equal(told.capabilities.thinking.types.enabled.supported, true);
  assert.equal(told.capabilities.image_input.supported, false);
  assert.equal(told.created_at, '2026-01-01T00:00:00.000Z');

  const known = await openai(gateway).models.retrieve('claude-sonnet-4-6');
  assert.equal(known.context_window, 200_000);
  assert.equal(known.max_tokens, 128_000);
  assert.equal(known.capabilities, null);
  assert.equal(known.created, 1771286400);
});

test('the list comes in pages to who asks for pages', async () => {
  const whole = (await all(openai(gateway).models.list())).map((model) => model.id);
  const client = anthropic(gateway);
  for (const limit of [1, 3, whole.length, 1000]) {
    const ids = (await all(client.models.list({ limit }))).map((model) => model.id);
    assert.deepEqual(ids, whole, `limit ${limit}`);
  }
  const last = await client.models.list({ limit: 2, before_id: whole.at(-1) });
  assert.deepEqual(
    last.data.map((model) => model.id),
    whole.slice(-3, -1),
  );
  assert.equal(last.has_more, true);
  const before = await last.getNextPage();
  assert.equal(before.data.at(-1).id, whole.at(-4));

  assert.equal((await refusal(client.models.list({ limit: 0 }))).status, 400);
  assert.equal((await refusal(client.models.list({ after_id: 'nobody' }))).status, 400);
});
