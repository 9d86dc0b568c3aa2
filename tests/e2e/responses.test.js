// OpenAI's Responses on upstreams that do not know it: the official client sees nothing of that.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import OpenAI from 'openai';
import { all, openai, refusal } from '../harness/clients.mjs';
import { configFor, kClientKey, startGateway } from '../harness/gateway.mjs';
import { Books, kPrompt, words } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const kQuota = kPrompt.openai + 25;
const keys = [
  { key: kClientKey, name: 'tester' },
  ...['stream', 'whole'].map((name) => ({
    key: `sk-${name}-0123456789`,
    name,
    quota_tokens: kQuota,
  })),
];

/// A gateway whose only provider is `provider`.
async function gatewayTo(provider) {
  const config = configFor(mock.url, { routing: { retry: { attempts: 1 } }, keys });
  const gateway = await startGateway({ ...config, providers: [{ default: true, ...provider }] });
  gateway.books = new Books(gateway.folder);
  return gateway;
}

const lanes = {
  'a Chat upstream': {
    gateway: await gatewayTo({
      name: 'compatible',
      type: 'openai_compatible',
      base_url: `${mock.url}/v1`,
      api_keys: ['sk-upstream-0123456789'],
    }),
    path: '/v1/chat/completions',
    limit: (sent) => sent.max_tokens ?? sent.max_completion_tokens,
    image: (sent) => sent.messages[0].content[1].image_url.url,
    unit: 2,
  },
  'an Anthropic upstream': {
    gateway: await gatewayTo({
      name: 'claude',
      type: 'anthropic',
      base_url: mock.url,
      api_keys: ['sk-ant-upstream-0123456789'],
    }),
    path: '/v1/messages',
    limit: (sent) => sent.max_tokens,
    image: (sent) => sent.messages[0].content[1].source.data,
    unit: 3,
  },
};

const names = ['get_weather', 'get_time'];
const parameters = { type: 'object', properties: { city: { type: 'string' } } };
const tools = names.map((name) => ({ type: 'function', name, parameters, strict: false }));
const kPng = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=';
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const callsOf = (answer) => answer.output.filter((item) => item.type === 'function_call');
const typesOf = (answer) => answer.output.map((item) => item.type).join(' ');

for (const [name, lane] of Object.entries(lanes)) {
  const { gateway, unit } = lane;
  const client = openai(gateway);
  const lastSent = async (model) => JSON.parse((await mock.requestsFor(model)).at(-1).body);
  const ask = (model, more = {}) => ({ model, input: 'Hello', ...more });

  describe(`Responses on ${name}`, () => {
    test('a whole answer', async () => {
      const model = `mock-c7-b${unit}`;
      const body = ask(model, {
        instructions: 'Be brief.',
        metadata: { a: 'b' },
        max_output_tokens: 77,
        truncation: 'auto',
      });
      const { data, response } = await client.responses.create(body).withResponse();
      assert.equal(data.object, 'response');
      assert.equal(data.status, 'completed');
      assert.equal(data.model, model);
      assert.match(data.id, /^resp_/);
      assert.equal(data.error, null);
      assert.equal(data.instructions, 'Be brief.');
      assert.deepEqual(data.metadata, { a: 'b' });
      assert.equal(data.max_output_tokens, 77);
      assert.deepEqual(data.tools, []);
      assert.equal(data.store, false);
      assert.equal(words(data.output_text), 7 * unit);
      assert.equal(data.usage.output_tokens, 7 * unit);
      assert.equal(data.usage.total_tokens, data.usage.input_tokens + 7 * unit);
      assert.ok(Math.abs(data.created_at - Date.now() / 1000) < 60);
      assert.equal(response.headers.get('x-sluice-dropped'), 'truncation');
      const sent = await lastSent(model);
      assert.equal((await mock.requestsFor(model)).at(-1).target, lane.path);
      assert.equal(lane.limit(sent), 77);
    });

    test('a streamed answer, through the helper and event by event', async () => {
      const model = `mock-c9-b${unit}`;
      const helper = client.responses.stream(ask(model));
      let told = '';
      helper.on('response.output_text.delta', (event) => (told += event.delta));
      const answer = await helper.finalResponse();
      assert.equal(answer.status, 'completed');
      assert.equal(answer.output_text, told);
      const whole = await client.responses.create(ask(model));
      assert.equal(whole.output_text, told);
      assert.deepEqual(whole.usage, answer.usage);
      const events = await all(await client.responses.create(ask(model, { stream: true })));
      assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
      assert.equal(events[0].type, 'response.created');
      assert.equal(events.at(-1).type, 'response.completed');
      assert.equal(events.at(-1).response.output_text ?? answer.output_text, told);
    });

    test('calls in parallel, and what comes of them', async () => {
      for (const streamed of [false, true]) {
        const body = ask('mock-t', { tools, parallel_tool_calls: true });
        const answer = streamed
          ? await client.responses.stream(body).finalResponse()
          : await client.responses.create(body);
        const calls = callsOf(answer);
        assert.deepEqual(calls.map((each) => each.name), names);
        for (const each of calls) assert.equal(typeof JSON.parse(each.arguments), 'object');
        assert.equal(new Set(calls.map((each) => each.call_id)).size, 2);
        assert.equal(answer.status, 'completed');
        const results = calls.map((each) => ({
          type: 'function_call_output',
          call_id: each.call_id,
          output: 'fine',
        }));
        const input = [{ role: 'user', content: 'Hello' }, ...answer.output, ...results];
        const next = await client.responses.create({ model: 'mock-c5', input, tools });
        assert.equal(words(next.output_text), 5);
      }
    });

    test('reasoning, and its way back', async () => {
      const model = 'mock-c4-k';
      const whole = await client.responses.create(ask(model, { reasoning: { effort: 'high' } }));
      const streamed = await client.responses.stream(ask(model)).finalResponse();
      for (const answer of [whole, streamed]) {
        assert.equal(typesOf(answer), 'reasoning message');
        const [reasoning] = answer.output;
        assert.equal(words(reasoning.summary[0].text), 4);
        assert.match(reasoning.encrypted_content, /^gwsig1\./);
        const input = [
          { role: 'user', content: 'Hello' },
          ...answer.output,
          { role: 'user', content: 'And?' },
        ];
        await client.responses.create({ model, input });
        const [, said] = (await lastSent(model)).messages;
        if (lane.path !== '/v1/messages') {
          assert.ok(!JSON.stringify(said).includes('gwsig1'));
          continue;
        }
        assert.equal(said.content[0].type, 'thinking');
        assert.equal(said.content[0].thinking, reasoning.summary[0].text);
        assert.ok(!said.content[0].signature.startsWith('gwsig1'));
      }
    });

    test('images, and none by id', async () => {
      const model = `mock-c1-b${unit + 2}`;
      const content = (image) => [{ role: 'user', content: [{ type: 'input_text', text: '?' }, image] }];
      const image = { type: 'input_image', detail: 'auto' };
      const image_url = `data:image/png;base64,${kPng}`;
      await client.responses.create({ model, input: content({ ...image, image_url }) });
      assert.ok(lane.image(await lastSent(model)).endsWith(kPng));
      const error = await refusal(
        client.responses.create({ model, input: content({ ...image, file_id: 'file_1' }) }),
      );
      assert.ok(error instanceof OpenAI.BadRequestError, String(error));
      assert.equal(error.param, 'input[0].content[1].file_id');
    });

    test('a schema is asked for, and shown', async () => {
      const model = `mock-c1-b${unit + 4}`;
      const format = { type: 'json_schema', name: 'place', schema, strict: true };
      const answer = await client.responses.create(ask(model, { text: { format } }));
      assert.deepEqual(answer.text.format, format);
      const sent = JSON.stringify(await lastSent(model));
      assert.ok(sent.includes('"city"'), sent);
    });

    test('an answer that is too long is incomplete', async () => {
      const body = ask('mock-c50', { max_output_tokens: 16 });
      const whole = await client.responses.create(body);
      const streamed = await client.responses.stream(body).finalResponse();
      for (const answer of [whole, streamed]) {
        assert.equal(answer.status, 'incomplete');
        assert.deepEqual(answer.incomplete_details, { reason: 'max_output_tokens' });
        assert.equal(answer.output[0].status, 'incomplete');
        assert.equal(answer.usage.output_tokens, 16);
      }
    });

    test('what needs a store is refused', async () => {
      const stored = {
        previous_response_id: 'resp_1',
        conversation: 'conv_1',
        background: true,
        prompt: { id: 'pmpt_1' },
      };
      for (const [param, value] of Object.entries(stored)) {
        const error = await refusal(client.responses.create(ask('mock-c1', { [param]: value })));
        assert.equal(error.status, 400);
        assert.equal(error.param, param);
      }
      const tool = await refusal(
        client.responses.create(ask('mock-c1', { tools: [{ type: 'custom', name: 'x' }] })),
      );
      assert.equal(tool.param, 'tools[0].type');
      const headers = { 'x-sluice-mode': 'strict' };
      const strict = await refusal(
        client.responses.create(ask('mock-c1', { top_logprobs: 2 }), { headers }),
      );
      assert.equal(strict.param, 'top_logprobs');
    });

    test('errors of the upstream, in the client\'s classes', async () => {
      const classes = {
        400: OpenAI.BadRequestError,
        429: OpenAI.RateLimitError,
        500: OpenAI.InternalServerError,
      };
      for (const [status, expected] of Object.entries(classes)) {
        for (const stream of [false, true]) {
          const error = await refusal(client.responses.create(ask(`mock-e${status}`, { stream })));
          assert.ok(error instanceof expected, `${status}: ${error}`);
          assert.equal(typeof error.type, 'string');
          assert.ok(error.requestID);
        }
      }
    });

    test('a stream that breaks is an error, however it is read', async () => {
      const model = 'mock-c9-x4';
      const events = [];
      const error = await refusal(
        (async () => {
          const stream = await client.responses.create(ask(model, { stream: true }));
          for await (const event of stream) events.push(event);
        })(),
      );
      assert.ok(error instanceof OpenAI.APIError, String(error));
      assert.equal(error.code, 'upstream_stream_interrupted');
      assert.equal(events.filter((each) => each.type === 'response.output_text.delta').length, 4);
      const helper = await refusal(client.responses.stream(ask(model)).finalResponse());
      assert.equal(helper.code, 'upstream_stream_interrupted');
    });

    test('a client that leaves closes the upstream', async () => {
      const model = `mock-c2000-i5-b${unit}`;
      const stream = await client.responses.create(ask(model, { stream: true }));
      for await (const event of stream) if (event.type.endsWith('.delta')) break;
      stream.controller.abort();
      await mock.abortOf(model);
    });

    test('is metered as the upstream counts', async () => {
      for (const stream of [false, true]) {
        const body = ask(`mock-c11-b${unit}-k`, { stream });
        const { data, response } = await client.responses.create(body).withResponse();
        const { usage } = stream ? (await all(data)).at(-1).response : data;
        assert.equal(usage.output_tokens, 15 * unit);
        const row = await gateway.books.rowOf(response.headers.get('x-request-id'));
        assert.equal(row.output_tokens, 15 * unit);
        assert.equal(row.input_tokens, usage.input_tokens);
        assert.equal(row.basis, 'reported');
      }
    });

    test('a stream ends where its tokens do, a whole answer is asked for no longer', async () => {
      const spender = (key) => openai(gateway, { apiKey: `sk-${key}-0123456789` });
      const body = ask('mock-c400', { max_output_tokens: 900 });
      const error = await refusal(
        (async () => all(await spender('stream').responses.create({ ...body, stream: true })))(),
      );
      assert.equal(error.code, 'budget_exhausted');
      assert.equal(gateway.books.key('stream').used_tokens, kQuota);
      const answer = await spender('whole').responses.create(body);
      assert.deepEqual(answer.incomplete_details, { reason: 'max_output_tokens' });
      assert.ok(gateway.books.key('whole').used_tokens <= kQuota);
    });

    test('tokens of the input are counted', async () => {
      const { input_tokens } = await client.responses.inputTokens.count(ask('mock-c1'));
      assert.ok(input_tokens > 0);
    });

    test('a key that is none', async () => {
      const stranger = openai(gateway, { apiKey: `${kClientKey}x` });
      const error = await refusal(stranger.responses.create(ask('mock-c1')));
      assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
    });
  });
}

test('a stream of an upstream that knows Responses ends with an error that is numbered on', async () => {
  const gateway = await gatewayTo({
    name: 'oa',
    type: 'openai',
    base_url: `${mock.url}/v1`,
    api_keys: ['sk-upstream-0123456789'],
  });
  const model = 'mock-c9-x3';
  const answer = await gateway.post('/v1/responses', { model, input: 'Hello', stream: true });
  const events = (await answer.text())
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice(6)));
  assert.equal((await mock.requestsFor(model)).at(-1).target, '/v1/responses');
  assert.deepEqual(events.map((event) => event.sequence_number), [...events.keys()]);
  assert.equal(events.at(-1).type, 'error');
  assert.equal(events.at(-1).code, 'upstream_stream_interrupted');
  const stream = openai(gateway).responses.stream({ model, input: 'Hello' });
  assert.equal((await refusal(stream.finalResponse())).code, 'upstream_stream_interrupted');
});
