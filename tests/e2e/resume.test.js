// Streams that break off after their first content and are gone on with: the client sees one
// stream with all of the text once, and pays for that.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { all, anthropic, chat, message, openai, refusal } from '../harness/clients.mjs';
import {
  configFor,
  kAnthropicKey,
  kClientKey,
  kOpenAiKey,
  startGateway,
} from '../harness/gateway.mjs';
import { Books, call, kPrompt, words } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { events } from '../harness/raw.mjs';
import { an, chunk, kLastChunk, kStreamHead, oa, startUpstream } from '../harness/upstream.mjs';

const mock = await startMock();
const timeouts = { connect: '1s', first_token: '5s', between_tokens: '800ms', total: '20s' };
const kinds = {
  openai: { base: '/v1', key: kOpenAiKey },
  openai_compatible: { base: '/v1', key: kOpenAiKey },
  anthropic: { base: '', key: kAnthropicKey },
};

/// `types`: the first is asked first, the second stands in for it.
function gatewayWith(types, routing = {}, { upstream = mock.url, ...more } = {}) {
  const providers = types.map((type, i) => ({
    name: `p${i + 1}`,
    type,
    base_url: upstream + kinds[type].base,
    api_keys: [kinds[type].key],
    default: i === 0,
    timeouts,
  }));
  return startGateway(
    configFor(upstream, {
      providers,
      routing: {
        resume: 'restart',
        retry: { attempts: 1, budget: 1, backoff: '10ms' },
        rules: [{ type: 'prefix', pattern: '*', target: 'p1', priority: 1 }],
        ...(types.length > 1 && { fallbacks: [{ from: 'p1', to: ['p2'] }] }),
        ...routing,
      },
      ...more,
    }),
  );
}

/// What the mock says to who asks it without any fault.
async function said(model, body = {}) {
  const whole = await openai({ url: mock.url }).chat.completions.create(chat(model, body));
  return whole.choices[0].message;
}

/// One stream, put together by OpenAI's client, and the raw frames.
async function chatted(gateway, model, body = {}, id = undefined) {
  const answer = await gateway.post(
    '/v1/chat/completions',
    chat(model, { stream: true, stream_options: { include_usage: true }, ...body }),
    id ? { 'x-request-id': id } : {},
  );
  const text = await answer.text();
  assert.equal(answer.status, 200, text);
  return { text, frames: events(text), json: events(text).map((each) => each.json) };
}

/// The stream is one: a role, an id, a finish reason, an end.
function assertOneChat({ frames, json, text }) {
  const chunks = json.filter((each) => each?.choices);
  assert.equal(new Set(chunks.map((each) => each.id)).size, 1, text);
  assert.equal(new Set(chunks.map((each) => each.model)).size, 1, text);
  assert.equal(new Set(chunks.map((each) => each.created)).size, 1, text);
  const choices = chunks.flatMap((each) => each.choices);
  assert.equal(choices.filter((each) => each.delta.role).length, 1, text);
  assert.equal(choices.filter((each) => each.finish_reason).length, 1, text);
  assert.equal(chunks.filter((each) => each.usage).length, 1, text);
  assert.equal(frames.filter((each) => each.data === '[DONE]').length, 1, text);
  assert.equal(frames.at(-1).data, '[DONE]');
  assert.ok(!json.some((each) => each?.error), text);
}

const contentOf = ({ json }) =>
  json.flatMap((each) => each?.choices ?? []).map((each) => each.delta.content ?? '').join('');

function assertOneMessage(frames) {
  const types = frames.map((each) => each.json.type).filter((type) => type !== 'ping');
  for (const type of ['message_start', 'message_delta', 'message_stop']) {
    assert.equal(types.filter((each) => each === type).length, 1, types.join());
  }
  let open = -1;
  let next = 0;
  for (const { json } of frames) {
    if (json.type === 'content_block_start') {
      assert.equal(open, -1);
      assert.equal(json.index, next++);
      open = json.index;
    } else if (json.type === 'content_block_delta') {
      assert.equal(json.index, open);
    } else if (json.type === 'content_block_stop') {
      assert.equal(json.index, open);
      open = -1;
    }
  }
  assert.equal(open, -1);
  assert.equal(types.at(-1), 'message_stop');
}

const lanes = {
  'OpenAI to OpenAI': ['openai', ['openai_compatible', 'openai_compatible']],
  'OpenAI from Anthropic to OpenAI': ['openai', ['anthropic', 'openai_compatible']],
  'OpenAI from OpenAI to Anthropic': ['openai', ['openai_compatible', 'anthropic']],
  'Anthropic to Anthropic': ['anthropic', ['anthropic', 'anthropic']],
  'Anthropic from OpenAI to Anthropic': ['anthropic', ['openai_compatible', 'anthropic']],
  'Anthropic from Anthropic to OpenAI': ['anthropic', ['anthropic', 'openai_compatible']],
};

let number = 30;

for (const [lane, [client, types]] of Object.entries(lanes)) {
  describe(`restart, ${lane}`, async () => {
    const gateway = await gatewayWith(types);

    // Cut, silent, an error event, cut behind pieces of events.
    for (const fault of ['x7', 's7', 'q7', 'x9-z40']) {
      test(`a stream of text with ${fault}`, async () => {
        const script = `mock-c${++number}-${fault}-n1`;
        let text;
        if (client === 'openai') {
          const stream = openai(gateway).chat.completions.stream(chat(script));
          text = (await stream.finalChatCompletion()).choices[0].message.content;
        } else {
          text = (await anthropic(gateway).messages.stream(message(script)).finalMessage())
            .content[0].text;
        }
        assert.equal(text, (await said(script)).content);
        assert.equal(words(text), number);
        const counts = (await mock.stats()).models[script];
        assert.equal(counts.requests, 3, 'two attempts, and the test itself');
      });
    }

    // Wherever it breaks: in the thinking, in the text, in the arguments of a call, between.
    test('thinking, text and calls, cut anywhere', async () => {
      const tools = ['find', 'store'].map((name) => ({
        type: 'function',
        function: { name, parameters: { type: 'object', properties: {} } },
      }));
      for (let cut = 1; cut < 15; ++cut) {
        const script = `mock-c3-t-k-x${cut}-n1-b${++number}`;
        const attempts = async () => (await mock.stats()).models[script].requests;
        if (client === 'openai') {
          const got = await chatted(gateway, script, { tools });
          assert.equal(await attempts(), 2);
          assertOneChat(got);
          const stream = openai(gateway).chat.completions.stream(chat(script, { tools }));
          const again = (await stream.finalChatCompletion()).choices[0].message;
          const direct = await said(script, { tools });
          assert.equal(contentOf(got), direct.content, script);
          assert.equal(again.content, direct.content);
          const calls = [];
          const choices = got.json.flatMap((each) => each?.choices ?? []);
          for (const piece of choices.flatMap((each) => each.delta.tool_calls ?? [])) {
            calls[piece.index] ??= { name: '', arguments: '' };
            calls[piece.index].name += piece.function.name ?? '';
            calls[piece.index].arguments += piece.function.arguments ?? '';
          }
          assert.deepEqual(
            calls,
            direct.tool_calls.map(({ function: { name, arguments: said } }) => ({
              name,
              arguments: said,
            })),
          );
        } else {
          const more = {
            max_tokens: 8000,
            tools: tools.map(({ function: { name, parameters } }) => ({
              name,
              input_schema: parameters,
            })),
          };
          const body = message(script, { stream: true, ...more });
          const answer = await gateway.post('/v1/messages', body);
          const frames = events(await answer.text());
          assert.equal(await attempts(), 2);
          assertOneMessage(frames);
          const direct = await anthropic({ url: mock.url }).messages.create(message(script, more));
          const blocks = [];
          for (const { json } of frames) {
            const { type, content_block: block, delta } = json;
            if (type === 'content_block_start') blocks.push({ ...block, said: '' });
            if (type !== 'content_block_delta') continue;
            blocks.at(-1).said += delta.text ?? delta.thinking ?? delta.partial_json ?? '';
          }
          const shown = (kind) => blocks.filter((each) => each.type === kind);
          const given = (kind) => direct.content.filter((each) => each.type === kind);
          assert.equal(shown('text')[0].said, given('text')[0].text, script);
          assert.deepEqual(
            shown('tool_use').map((each) => [each.name, JSON.parse(each.said)]),
            given('tool_use').map((each) => [each.name, each.input]),
          );
        }
      }
    });
  });
}

describe('restart', async () => {
  const gateway = await gatewayWith(['openai_compatible', 'openai_compatible']);
  const books = new Books(gateway.folder);

  for (const usage of ['', '-u0']) {
    test(`charges the prompt once and what was delivered${usage && ', as counted'}`, async () => {
      const id = `charge-restart${usage}`;
      const got = await chatted(gateway, `mock-c33-x9-n1${usage}`, {}, id);
      assertOneChat(got);
      assert.equal(words(contentOf(got)), 33);
      const usages = got.json.find((each) => each?.usage).usage;
      assert.equal(usages.prompt_tokens, kPrompt.openai);
      assert.equal(usages.completion_tokens, 33);
      const row = await books.rowOf(id);
      assert.equal(row.input_tokens, kPrompt.openai);
      assert.equal(row.output_tokens, 33);
      assert.equal(row.basis, usage ? 'counted' : 'reported');
      assert.equal(row.attempts, 2);
      assert.equal(row.provider, 'p2');
      assert.equal(row.outcome, 'finished');
      const { failed } = JSON.parse(row.decision);
      assert.equal(failed.length, 1);
      assert.equal(failed[0].provider, 'p1');
      assert.equal(failed[0].error, 'upstream_stream_interrupted');
      assert.equal(failed[0].delivered, 9);
    });
  }

  test('a client that leaves in the gap pays what it has got', async () => {
    const model = 'mock-c28-x5-f400-n1';
    const got = await call(gateway, {
      key: kClientKey,
      body: chat(model, { stream: true }),
      id: 'leaves',
      abortAfter: 5,
    });
    assert.equal(got.output, 5);
    const row = await books.rowOf('leaves');
    assert.equal(row.input_tokens, kPrompt.openai);
    assert.equal(row.output_tokens, 5);
    assert.equal(row.outcome, 'client_gone');
  });

  test('stops where the money ends, with each token paid once', async () => {
    for (const resume of ['restart', 'continue']) {
      const key = `sk-short-${resume}`;
      const two = ['openai_compatible', 'openai_compatible'];
      const short = await gatewayWith(
        two,
        { resume },
        {
          keys: [{ key, name: 'short', quota_tokens: kPrompt.openai + 12 }],
          models: [{ name: 'mock-c29-x5-n1', capabilities: { prefill: true } }],
        },
      );
      await fetch(`${mock.url}/mock/stats`, { method: 'DELETE' });
      const body = chat('mock-c29-x5-n1', { stream: true });
      const got = await call(short, { key, body, id: 'short' });
      assert.equal(got.error.code, 'budget_exhausted', got.text);
      assert.equal(got.output, 12);
      const own = new Books(short.folder);
      const row = await own.rowOf('short');
      assert.equal(row.input_tokens, kPrompt.openai);
      assert.equal(row.output_tokens, 12);
      assert.equal(row.attempts, 2);
      assert.equal(own.key('short').left, 0);
      await own.settled();
      own.check();
    }
  });

  test('goes on a few times, and then ends', async () => {
    const endless = 'mock-c22-x6';
    const id = 'endless';
    const broken = await chatted(gateway, endless, {}, id);
    assert.equal(broken.json.at(-1).error.code, 'upstream_stream_interrupted');
    assert.equal(words(contentOf(broken)), 6);
    const counts = (await mock.stats()).models[endless];
    assert.equal(counts.requests, 2, 'one for each target');
    const row = await books.rowOf(id);
    assert.equal(row.output_tokens, 6);
    assert.equal(row.input_tokens, kPrompt.openai);
    assert.equal(row.outcome, 'upstream_failed');
    const stream = await openai(gateway).chat.completions.create(
      chat('mock-c23-x6', { stream: true }),
    );
    assert.equal((await refusal(all(stream))).code, 'upstream_stream_interrupted');
  });

  test('is done three times for a stream at most', async () => {
    const upstream = await startUpstream();
    const two = ['openai_compatible', 'openai_compatible'];
    const patient = await gatewayWith(two, {}, { upstream: upstream.url });
    const kWords = ['one', ' two', ' three', ' four', ' five', ' six'];
    const begun = (count) =>
      kStreamHead + chunk(oa.role() + kWords.slice(0, count).map(oa.text).join(''));
    const breaks =
      (count) =>
      ({ socket }) =>
        socket.write(begun(count), () => setTimeout(() => socket.resetAndDestroy(), 30));
    const whole = ({ socket }) =>
      socket.write(begun(6) + chunk(oa.finish() + oa.done()) + kLastChunk);
    upstream.on('thrice', [breaks(1), breaks(2), breaks(4), whole]);
    const got = await chatted(patient, 'thrice');
    assert.equal(contentOf(got), kWords.join(''));
    assert.equal(got.frames.at(-1).data, '[DONE]');
    upstream.on('again', [breaks(1), breaks(2), breaks(3), breaks(4), whole]);
    const ended = await chatted(patient, 'again');
    assert.equal(contentOf(ended), kWords.slice(0, 4).join(''));
    assert.equal(ended.json.at(-1).error.code, 'upstream_stream_interrupted');
    assert.equal(upstream.of('again').length, 4);
  });

  test('shows signs of life in the gap', async () => {
    const quick = await gatewayWith(['openai_compatible', 'openai_compatible'], { keep_alive: '40ms' });
    const got = await chatted(quick, 'mock-c20-x5-f250-n1');
    assertOneChat(got);
    const from = got.text.indexOf('"content":"', got.text.indexOf('"role"') + 100);
    assert.ok(got.text.slice(from).includes(': ping'), got.text);
  });

  test('leaves several choices and probabilities alone', async () => {
    for (const body of [{ n: 2 }, { logprobs: true }]) {
      const got = await chatted(gateway, `mock-c24-x5-n1-b${Object.keys(body)[0].length}`, body);
      assert.equal(got.json.at(-1).error.code, 'upstream_stream_interrupted');
    }
  });

  test('is not for streams that are not to be resumed', async () => {
    const plain = await gatewayWith(['openai_compatible', 'openai_compatible'], { resume: 'none' });
    const got = await chatted(plain, 'mock-c25-x5-n1');
    assert.equal(got.json.at(-1).error.code, 'upstream_stream_interrupted');
    assert.equal((await mock.stats()).models['mock-c25-x5-n1'].requests, 1);
  });

  test('of a client of Responses', async () => {
    const script = 'mock-c26-x5-n1';
    const stream = openai(gateway).responses.stream({ model: script, input: 'Hello' });
    const final = await stream.finalResponse();
    assert.equal(final.output_text, (await said(script)).content);
    assert.equal(final.usage.output_tokens, 26);
  });
});

describe('continue', async () => {
  const prefilled = { name: 'mock-c40-x9-n1', capabilities: { prefill: true } };
  const models = [
    prefilled,
    { ...prefilled, name: 'mock-c41-s9-n1' },
    { ...prefilled, name: 'mock-c42-x9-n1-u0' },
  ];
  for (const [lane, [client, types]] of Object.entries(lanes)) {
    test(lane, async () => {
      const gateway = await gatewayWith(types, { resume: 'continue' }, { models });
      const books = new Books(gateway.folder);
      for (const { name } of models) {
        await fetch(`${mock.url}/mock/stats`, { method: 'DELETE' });
        const count = Number(/c(\d+)/.exec(name)[1]);
        let text;
        let usage;
        const id = `go-on-${name}`;
        if (client === 'openai') {
          const got = await chatted(gateway, name, {}, id);
          assertOneChat(got);
          text = contentOf(got);
          usage = got.json.find((each) => each?.usage).usage;
        } else {
          const body = message(name, { stream: true });
          const answer = await gateway.post('/v1/messages', body, { 'x-request-id': id });
          const frames = events(await answer.text());
          assertOneMessage(frames);
          text = frames.map((each) => each.json.delta?.text ?? '').join('');
          const told = frames.find((each) => each.json.type === 'message_delta').json.usage;
          usage = { prompt_tokens: told.input_tokens, completion_tokens: told.output_tokens };
        }
        assert.equal(text, (await said(name)).content);
        assert.equal(usage.completion_tokens, count);
        assert.equal(usage.prompt_tokens, 8);
        const row = await books.rowOf(id);
        assert.equal(row.input_tokens, 8, name);
        assert.equal(row.output_tokens, count, name);
        assert.equal(row.attempts, 2);
        // The second upstream was asked for the rest alone.
        const [, second] = await mock.requestsFor(name);
        const turns = JSON.parse(second.body).messages;
        assert.deepEqual(turns.map((each) => each.role), ['user', 'assistant']);
      }
    });
  }

  test('tells a model that continues no message to go on, and drops what it repeats', async () => {
    const upstream = await startUpstream();
    const two = ['openai_compatible', 'openai_compatible'];
    const gateway = await gatewayWith(two, { resume: 'continue' }, { upstream: upstream.url });
    const says = (...texts) => kStreamHead + chunk(oa.role() + texts.map(oa.text).join(''));
    const cut = ({ socket }) =>
      socket.write(says('The quick brown ', 'fox jumps'), () =>
        setTimeout(() => socket.resetAndDestroy(), 50),
      );
    const rest = ({ socket }) =>
      socket.write(
        says('brown ', 'fox ju', 'mps over', ' it.') + chunk(oa.finish() + oa.done()) + kLastChunk,
      );
    const model = upstream.on('goes-on', [cut, rest]);
    const got = await chatted(gateway, model);
    assert.equal(contentOf(got), 'The quick brown fox jumps over it.');
    assert.equal(got.frames.filter((each) => each.data === '[DONE]').length, 1);
    const turns = JSON.parse(upstream.of(model)[1].body).messages;
    assert.deepEqual(turns.map((each) => each.role), ['user', 'assistant', 'user']);
    assert.equal(turns[1].content, 'The quick brown fox jumps');
  });

  test('is never done with thinking or calls begun', async () => {
    const two = ['openai_compatible', 'openai_compatible'];
    for (const script of ['mock-c20-k-x9-n1', 'mock-t-x2-n1']) {
      // Behind an error the connection is closed, which a client that uses it again may not know yet.
      const gateway = await gatewayWith(two, { resume: 'continue' });
      const got = await chatted(gateway, script);
      assert.equal(got.json.at(-1).error.code, 'upstream_stream_interrupted');
      assert.equal((await mock.stats()).models[script].requests, 1);
    }
  });
});
