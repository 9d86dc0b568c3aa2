// The official OpenAI client beside chat: completions, embeddings, models, errors, aborts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import OpenAI from 'openai';
import { all, chat, openai, refusal } from '../harness/clients.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';

const mock = await startMock();
const gateway = await startGateway(configFor(mock.url, { routing: { retry: { attempts: 1 } } }));
const client = openai(gateway);
const direct = openai({ url: mock.url });

describe('completions', () => {
  test('answer a prompt', async () => {
    const answer = await client.completions.create({
      model: 'mock-c8',
      prompt: 'Once',
    });
    assert.equal(answer.object, 'text_completion');
    assert.equal(answer.usage.completion_tokens, 8);
    const expected = await direct.completions.create({
      model: 'mock-c8',
      prompt: 'Once',
    });
    assert.equal(answer.choices[0].text, expected.choices[0].text);
  });

  test('stream', async () => {
    const request = { model: 'mock-c8-i1', prompt: 'Once', stream: true };
    const chunks = await all(await client.completions.create(request));
    const expected = await direct.completions.create({
      ...request,
      stream: false,
    });
    assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(''), expected.choices[0].text);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.ok(chunks.every((chunk) => !chunk.usage));
  });
});

describe('embeddings', () => {
  const request = {
    model: 'text-embedding-3-small',
    input: ['river', 'gate'],
    dimensions: 64,
  };

  test('come as base64 by default, and the client decodes them', async () => {
    const answer = await client.embeddings.create(request);
    const expected = await direct.embeddings.create(request);
    assert.equal(answer.data.length, 2);
    assert.equal(answer.data[0].embedding.length, 64);
    assert.deepEqual(answer.data, expected.data);
    const sent = (await mock.requestsFor(request.model)).map(({ body }) => JSON.parse(body));
    assert.deepEqual([...new Set(sent.map((body) => body.encoding_format))], ['base64']);
  });

  test('come as numbers when asked for, with the same values', async () => {
    const numbers = await client.embeddings.create({
      ...request,
      encoding_format: 'float',
    });
    const packed = await client.embeddings.create(request);
    assert.equal(typeof numbers.data[0].embedding[0], 'number');
    for (const [i, value] of numbers.data[1].embedding.entries()) {
      assert.ok(Math.abs(value - packed.data[1].embedding[i]) < 1e-6);
    }
  });

  test('come as base64 text when asked for so', async () => {
    const answer = await client.embeddings.create({
      ...request,
      encoding_format: 'base64',
    });
    assert.equal(typeof answer.data[0].embedding, 'string');
    assert.equal(Buffer.from(answer.data[0].embedding, 'base64').length, 64 * 4);
  });
});

describe('models', () => {
  test('are listed once each, those of both upstreams', async () => {
    const ids = (await all(await client.models.list())).map((model) => model.id);
    assert.ok(ids.includes('gpt-4o'));
    assert.ok(ids.includes('claude-sonnet-4-6'));
    assert.equal(new Set(ids).size, ids.length);
  });

  test('are found by name', async () => {
    const model = await client.models.retrieve('gpt-4o');
    assert.equal(model.id, 'gpt-4o');
    assert.equal(model.object, 'model');
    assert.equal(typeof model.created, 'number');
  });

  test('are not found when nobody serves them', async () => {
    const error = await refusal(client.models.retrieve('no-such-model'));
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
  });
});

describe('errors', () => {
  const classes = [
    ['mock-e400', OpenAI.BadRequestError, 400, 'invalid_request_error'],
    ['mock-e404', OpenAI.NotFoundError, 404, 'invalid_request_error'],
    ['mock-e422', OpenAI.UnprocessableEntityError, 422, 'invalid_request_error'],
    ['mock-e429-r9', OpenAI.RateLimitError, 429, 'rate_limit_error'],
    ['mock-e500', OpenAI.InternalServerError, 502, 'server_error'],
    ['mock-e503', OpenAI.InternalServerError, 502, 'server_error'],
    ['mock-e401', OpenAI.InternalServerError, 502, 'server_error'],
  ];
  for (const [model, type, status, name] of classes) {
    test(`${model} is a ${type.name}`, async () => {
      for (const stream of [false, true]) {
        const error = await refusal(client.chat.completions.create(chat(model, { stream })));
        assert.ok(error instanceof type, `${error}`);
        assert.equal(error.status, status);
        assert.equal(error.type, name);
        assert.match(error.requestID, /^[A-Za-z0-9._-]+$/);
      }
    });
  }

  test('of a wrong key are an AuthenticationError', async () => {
    const stranger = openai(gateway, { apiKey: 'sk-wrong' });
    const error = await refusal(stranger.chat.completions.create(chat('mock')));
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, 'invalid_api_key');
    assert.ok(!error.message.includes('sk-wrong'));
  });

  test('name the missing field', async () => {
    const error = await refusal(client.chat.completions.create({ messages: [] }));
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'model');
  });

  test('of an upstream about a field come through as they are', async () => {
    const messages = [{ role: 'wizard', content: 'Abracadabra' }];
    const error = await refusal(client.chat.completions.create({ model: 'mock', messages }));
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, 'messages[0].role');
    assert.equal(error.code, 'invalid_value');
    assert.match(error.message, /'wizard'/);
  });

  test('inside of a stream are thrown by the iterator', async () => {
    const stream = await client.chat.completions.create(chat('mock-c9-i1-x3', { stream: true }));
    const error = await refusal(all(stream));
    assert.ok(error instanceof OpenAI.APIError, `${error}`);
    assert.equal(error.code, 'upstream_stream_interrupted');
  });
});

describe("the client's retries", () => {
  test('succeed after a 500 of the upstream', async () => {
    const answer = await openai(gateway, {
      maxRetries: 2,
    }).chat.completions.create(chat('mock-c2-n1'));
    assert.equal(answer.choices[0].finish_reason, 'stop');
    await mock.countsOf('mock-c2-n1', { requests: 2 });
  });

  test('do not follow a refused credential of the gateway', async () => {
    await refusal(openai(gateway, { maxRetries: 2 }).chat.completions.create(chat('mock-e401-c2')));
    await mock.countsOf('mock-e401-c2', { requests: 1 });
  });
});

describe('aborts reach the upstream', () => {
  test('in the middle of a stream', async () => {
    const model = 'mock-c1000-i20';
    const stream = await client.chat.completions.create(chat(model, { stream: true }));
    let seen = 0;
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content && ++seen === 3) break;
    }
    const abort = await mock.abortOf(model);
    assert.ok(abort.events_sent >= 3 && abort.events_sent < 1000);
    await mock.countsOf(model, { requests: 1, aborted: 1, finished: 0 });
  });

  test('while waiting for the first token', async () => {
    const model = 'mock-c5-f600000';
    const aborter = new AbortController();
    const call = refusal(
      client.chat.completions.create(chat(model, { stream: true }), {
        signal: aborter.signal,
      }),
    );
    await mock.countsOf(model, { requests: 1 });
    aborter.abort();
    assert.ok((await call) instanceof OpenAI.APIUserAbortError);
    assert.equal((await mock.abortOf(model)).events_sent, 0);
  });

  test('of a call that is not streamed', async () => {
    const model = 'mock-c6-f600000';
    const aborter = new AbortController();
    const call = refusal(client.chat.completions.create(chat(model), { signal: aborter.signal }));
    await mock.countsOf(model, { requests: 1 });
    aborter.abort();
    await call;
    await mock.abortOf(model);
    const line = await gateway.requestLine({ model });
    assert.equal(line.status, 499);
    assert.equal(line.error, 'client_gone');
  });

  test('of embeddings', async () => {
    const model = 'mock-f600000';
    const aborter = new AbortController();
    const call = refusal(
      client.embeddings.create({ model, input: 'x' }, { signal: aborter.signal }),
    );
    await mock.countsOf(model, { requests: 1 });
    aborter.abort();
    await call;
    await mock.abortOf(model);
  });
});
