// Messages through the official Anthropic client.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { all, anthropic, message, refusal } from '../harness/clients.mjs';
import { configFor, kAnthropicKey, kClientKey, startGateway } from '../harness/gateway.mjs';
import { header, startMock } from '../harness/mock.mjs';

const mock = await startMock();
const gateway = await startGateway(configFor(mock.url, { routing: { retry: { attempts: 1 } } }));
const client = anthropic(gateway);
const direct = anthropic({ url: mock.url });

const tools = ['get_weather', 'get_time'].map((name) => ({
  name,
  description: name,
  input_schema: { type: 'object', properties: { city: { type: 'string' } } },
}));

function textOf(answer) {
  return answer.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('');
}

describe('messages, not streamed', () => {
  test('have the answer and its usage', async () => {
    const answer = await client.messages.create(message('mock-c7-b3'));
    const expected = await direct.messages.create(message('mock-c7-b3'));
    assert.equal(answer.type, 'message');
    assert.equal(answer.stop_reason, 'end_turn');
    assert.equal(textOf(answer), textOf(expected));
    assert.deepEqual(answer.usage, expected.usage);
  });

  test('have the request id in both headers and on the answer', async () => {
    const { data, response } = await client.messages.create(message('mock-c1')).withResponse();
    assert.equal(response.headers.get('request-id'), response.headers.get('x-request-id'));
    assert.equal(data._request_id, response.headers.get('request-id'));
    assert.equal(response.headers.get('x-sluice-provider'), 'an');
    assert.ok(response.headers.get('anthropic-ratelimit-requests-limit'));
  });

  test('have two tool calls', async () => {
    const answer = await client.messages.create(message('mock-c2-t', { tools }));
    assert.equal(answer.stop_reason, 'tool_use');
    const calls = answer.content.filter((block) => block.type === 'tool_use');
    assert.deepEqual(
      calls.map((call) => call.name),
      ['get_weather', 'get_time'],
    );
  });

  test('have thinking before the text', async () => {
    const answer = await client.messages.create(
      message('mock-c4-k', {
        thinking: { type: 'enabled', budget_tokens: 1024 },
        max_tokens: 4000,
      }),
    );
    assert.deepEqual(
      answer.content.map((block) => block.type),
      ['thinking', 'text'],
    );
    assert.ok(answer.content[0].signature.length > 100);
  });
});

describe('messages, streamed', () => {
  test('have the events of the protocol in their order', async () => {
    const stream = await client.messages.create(message('mock-c5-i1', { stream: true }));
    const types = (await all(stream)).map((event) => event.type);
    assert.deepEqual(
      types.filter((type) => type !== 'ping'),
      [
        'message_start',
        'content_block_start',
        ...Array(5).fill('content_block_delta'),
        'content_block_stop',
        'message_delta',
        'message_stop',
      ],
    );
  });

  test('serve the stream helper, with usage', async () => {
    const stream = client.messages.stream(message('mock-c9-i1-b2'));
    let deltas = '';
    stream.on('text', (delta) => (deltas += delta));
    const final = await stream.finalMessage();
    const expected = await direct.messages.create(message('mock-c9-i1-b2'));
    assert.equal(textOf(final), deltas);
    assert.equal(textOf(final), textOf(expected));
    assert.deepEqual(final.usage.output_tokens, expected.usage.output_tokens);
    assert.equal(final.stop_reason, 'end_turn');
  });

  test('assemble parallel tool calls', async () => {
    const inputs = [];
    const stream = client.messages.stream(message('mock-c2-i1-t', { tools }));
    stream.on('contentBlock', (block) => block.type === 'tool_use' && inputs.push(block.input));
    const final = await stream.finalMessage();
    assert.equal(final.stop_reason, 'tool_use');
    assert.equal(inputs.length, 2);
    for (const input of inputs) assert.equal(typeof input, 'object');
  });

  test('stream thinking with its signature', async () => {
    let thinking = '';
    const stream = client.messages.stream(
      message('mock-c3-i1-k', {
        thinking: { type: 'enabled', budget_tokens: 1024 },
        max_tokens: 4000,
      }),
    );
    stream.on('thinking', (delta) => (thinking += delta));
    const final = await stream.finalMessage();
    assert.equal(final.content[0].thinking, thinking);
    assert.ok(thinking.length > 0);
    assert.ok(final.content[0].signature);
  });

  test('survive an upstream that sends byte by byte', async () => {
    const final = await client.messages.stream(message('mock-c4-z1')).finalMessage();
    assert.equal(final.stop_reason, 'end_turn');
  });

  test('are counted in the log', async () => {
    const { data, response } = await client.messages
      .create(message('mock-c11', { stream: true }))
      .withResponse();
    await all(data);
    const line = await gateway.requestLine({
      request_id: response.headers.get('request-id'),
    });
    assert.equal(line.tokens_out, 11);
    assert.ok(line.tokens_in > 0);
    assert.equal(line.route, '/v1/messages');
  });
});

describe('credentials', () => {
  const raw = (headers) =>
    fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(message('mock-c1-b4')),
    });

  test('are taken from x-api-key and from a bearer token', async () => {
    assert.equal((await raw({ 'x-api-key': kClientKey })).status, 200);
    assert.equal((await raw({ authorization: `Bearer ${kClientKey}` })).status, 200);
    const byToken = anthropic(gateway, { apiKey: null, authToken: kClientKey });
    assert.equal((await byToken.messages.create(message('mock-c1'))).stop_reason, 'end_turn');
  });

  test('are replaced by those of the gateway, with a version where the client named none', async () => {
    await raw({ 'x-api-key': kClientKey });
    const sent = (await mock.requestsFor('mock-c1-b4')).at(-1);
    assert.equal(header(sent, 'x-api-key'), kAnthropicKey);
    assert.equal(header(sent, 'authorization'), undefined);
    assert.equal(header(sent, 'anthropic-version'), '2023-06-01');
  });

  // Pitfall 32 of src/dialect/chat/testdata/README.md.
  test('keep what the client said of version and betas', async () => {
    const headers = {
      'anthropic-beta': 'one-2025,two-2026',
      'anthropic-version': '2023-01-01',
    };
    await client.messages.create(message('mock-c1-b5'), { headers });
    const [sent] = await mock.requestsFor('mock-c1-b5');
    assert.equal(header(sent, 'anthropic-beta'), 'one-2025,two-2026');
    assert.equal(header(sent, 'anthropic-version'), '2023-01-01');
  });
});

test('both base URLs work, with and without /v1', async () => {
  const answer = await anthropic(gateway, {
    baseURL: `${gateway.url}/v1`,
  }).messages.create(message('mock-c1'));
  assert.equal(answer.stop_reason, 'end_turn');
  const bare = await gateway.post('/messages', message('mock-c1'));
  assert.equal(bare.status, 200);
});

describe('models', () => {
  test('are listed', async () => {
    const models = await all(client.models.list());
    assert.ok(models.some((model) => model.id === 'claude-sonnet-4-6'));
    for (const model of models) {
      assert.equal(model.type, 'model');
      assert.ok(!Number.isNaN(Date.parse(model.created_at)));
    }
  });

  test('come with a request id, errors too', async () => {
    const { response } = await client.models.list().withResponse();
    assert.ok(response.headers.get('request-id'));
    const error = await refusal(client.models.retrieve('claude-nobody'));
    assert.ok(error.requestID);
  });

  test('are found by name, or not', async () => {
    assert.equal((await client.models.retrieve('claude-haiku-4-5')).id, 'claude-haiku-4-5');
    const error = await refusal(client.models.retrieve('claude-nobody'));
    assert.ok(error instanceof Anthropic.NotFoundError);
    assert.equal(error.error.error.type, 'not_found_error');
  });
});

describe('errors', () => {
  const classes = [
    ['mock-e400', Anthropic.BadRequestError, 400, 'invalid_request_error'],
    ['mock-e404', Anthropic.NotFoundError, 404, 'not_found_error'],
    ['mock-e429', Anthropic.RateLimitError, 429, 'rate_limit_error'],
    ['mock-e500', Anthropic.InternalServerError, 502, 'api_error'],
    ['mock-e529', Anthropic.InternalServerError, 502, 'api_error'],
    ['mock-e401', Anthropic.InternalServerError, 502, 'api_error'],
  ];
  for (const [model, type, status, name] of classes) {
    test(`${model} is a ${type.name}`, async () => {
      for (const stream of [false, true]) {
        const error = await refusal(client.messages.create(message(model, { stream })));
        assert.ok(error instanceof type, `${error}`);
        assert.equal(error.status, status);
        assert.equal(error.error.type, 'error');
        assert.equal(error.error.error.type, name);
        assert.ok(error.requestID);
      }
    });
  }

  test('of a wrong key are an AuthenticationError', async () => {
    const stranger = anthropic(gateway, { apiKey: 'sk-wrong' });
    const error = await refusal(stranger.messages.create(message('mock')));
    assert.ok(error instanceof Anthropic.AuthenticationError);
    assert.equal(error.error.error.type, 'authentication_error');
  });

  test('of a prompt that is too long begin with the words that clients look for', async () => {
    const error = await refusal(client.messages.create(message('mock-c5-l1')));
    assert.equal(error.status, 400);
    assert.match(error.error.error.message, /^prompt is too long/);
  });

  test('inside of a stream are thrown by the iterator', async () => {
    const stream = await client.messages.create(message('mock-c9-i1-x3', { stream: true }));
    const error = await refusal(all(stream));
    assert.ok(error instanceof Anthropic.APIError, `${error}`);
    assert.match(JSON.stringify(error.error), /upstream_stream_interrupted/);
  });
});

describe('aborts reach the upstream', () => {
  test('in the middle of a stream', async () => {
    const model = 'mock-c1000-i20';
    const stream = client.messages.stream(message(model));
    stream.on('text', () => stream.abort());
    assert.ok((await refusal(stream.finalMessage())) instanceof Anthropic.APIUserAbortError);
    assert.ok((await mock.abortOf(model)).events_sent < 1000);
  });

  test('before the first token, and of calls that are not streamed', async () => {
    for (const [model, more] of [
      ['mock-c5-f600000', { stream: true }],
      ['mock-c6-f600000', {}],
    ]) {
      const aborter = new AbortController();
      const call = refusal(
        client.messages.create(message(model, more), {
          signal: aborter.signal,
        }),
      );
      await mock.countsOf(model, { requests: 1 });
      aborter.abort();
      await call;
      await mock.abortOf(model);
    }
  });
});
