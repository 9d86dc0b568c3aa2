// Z.ai and zread.ai beside each other, and how the thinking of a model is shown.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books } from '../harness/metering.mjs';
import { header, startMock } from '../harness/mock.mjs';

const mock = await startMock();
const provider = (name, changes) => ({
  name,
  type: 'zai',
  base_url: `${mock.url}/v1`,
  api_keys: [`${name}-own-token-0123456789`],
  default: name === 'zai',
  ...changes,
});
const gatewayOf = async (providers, env = {}) => {
  const gateway = await startGateway(configFor(mock.url, { providers }), { env });
  gateway.books = new Books(gateway.folder);
  return gateway;
};
const tokenFor = async (model) =>
  header((await mock.requestsFor(model)).at(-1), 'authorization');

describe('two platforms', () => {
  const two = [
    provider('zai', { models: ['mock-c1-b2', 'mock-c1-b3'] }),
    provider('zread', { platform: 'zread.ai', models: ['mock-c1-b4', 'mock-c1-b5'] }),
  ];

  test('are found by the model, each with its own token', async () => {
    const gateway = await gatewayOf(two);
    const client = openai(gateway);
    await client.chat.completions.create(chat('mock-c1-b2'));
    await client.chat.completions.create(chat('mock-c1-b4'));
    assert.equal(await tokenFor('mock-c1-b2'), 'Bearer zai-own-token-0123456789');
    assert.equal(await tokenFor('mock-c1-b4'), 'Bearer zread-own-token-0123456789');
  });

  test('do not share UPSTREAM_TOKEN, which goes over the own token of one', async () => {
    const gateway = await gatewayOf(two, { UPSTREAM_TOKEN: 'from-the-environment' });
    const client = openai(gateway);
    await client.chat.completions.create(chat('mock-c1-b3'));
    await client.chat.completions.create(chat('mock-c1-b5'));
    assert.equal(await tokenFor('mock-c1-b3'), 'Bearer from-the-environment');
    assert.equal(await tokenFor('mock-c1-b5'), 'Bearer zread-own-token-0123456789');
    assert.doesNotMatch(gateway.stdout.seen.join('\n'), /from-the-environment|own-token/);
  });
});

describe('the switch for thinking', () => {
  test('is set as Anthropic clients ask', async () => {
    const gateway = await gatewayOf([provider('zai')]);
    const client = anthropic(gateway);
    const asked = async (model, changes) => {
      await client.messages.create(message(model, changes));
      return JSON.parse((await mock.requestsFor(model)).at(-1).body);
    };
    const on = await asked('mock-c1-b6', { thinking: { type: 'enabled', budget_tokens: 1024 } });
    assert.deepEqual(on.thinking, { type: 'enabled' });
    assert.equal(on.reasoning_effort, undefined);
    const off = await asked('mock-c1-b7', { thinking: { type: 'disabled' } });
    assert.deepEqual(off.thinking, { type: 'disabled' });
    assert.equal((await asked('mock-c1-b8', {})).thinking, undefined);
  });
});

describe('the thinking of a model', async () => {
  const model = 'mock-c5-b2-k';
  const direct = await openai({ url: mock.url }).chat.completions.create(chat(model));
  const { content, reasoning_content: thought } = direct.choices[0].message;
  const inlined = `<think>\n${thought}\n</think>\n\n${content}`;
  const gateways = {};
  for (const reasoning of ['reasoning_content', 'strip', 'think']) {
    gateways[reasoning] = await gatewayOf([provider('zai', { reasoning })]);
  }

  const expected = {
    reasoning_content: { content, thought },
    strip: { content, thought: undefined },
    think: { content: inlined, thought: undefined },
  };
  for (const [reasoning, shown] of Object.entries(expected)) {
    test(`is shown to OpenAI clients as ${reasoning}`, async () => {
      const client = openai(gateways[reasoning]);
      const { data, response } = await client.chat.completions.create(chat(model)).withResponse();
      assert.equal(data.choices[0].message.content, shown.content);
      assert.equal(data.choices[0].message.reasoning_content, shown.thought);
      assert.equal(data.choices[0].finish_reason, 'stop');
      assert.deepEqual(data.usage.completion_tokens, direct.usage.completion_tokens);
      // What the client does not see has been generated, and is paid for.
      const row = await gateways[reasoning].books.rowOf(response.headers.get('x-request-id'));
      assert.equal(row.output_tokens, direct.usage.completion_tokens);
    });

    test(`is streamed to OpenAI clients as ${reasoning}`, async () => {
      const client = openai(gateways[reasoning]);
      const stream = await client.chat.completions.create({ ...chat(model), stream: true });
      const deltas = (await all(stream)).map((chunk) => chunk.choices[0]?.delta ?? {});
      const joined = (name) => deltas.map((delta) => delta[name] ?? '').join('');
      assert.equal(joined('content'), shown.content);
      assert.equal(joined('reasoning_content'), shown.thought ?? '');
    });

    test(`is shown to Anthropic clients as ${reasoning}`, async () => {
      const client = anthropic(gateways[reasoning]);
      const whole = await client.messages.create(message(model));
      const streamed = await client.messages.stream(message(model)).finalMessage();
      for (const answer of [whole, streamed]) {
        const of = (type, name) =>
          answer.content
            .filter((block) => block.type === type)
            .map((block) => block[name])
            .join('');
        assert.equal(of('text', 'text'), shown.content);
        assert.equal(of('thinking', 'thinking'), shown.thought ?? '');
        assert.equal(answer.stop_reason, 'end_turn');
      }
    });
  }
});
