// The streams that a conversion makes, as src/dialect/chat/stream_testdata holds them, through the
// official clients: they must be able to gather an answer from each, or report its error.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import AnthropicOld from 'anthropic-0.65';
import OpenAI from 'openai';
import OpenAi6 from 'openai-6';

const folder = new URL('../../src/dialect/chat/stream_testdata/', import.meta.url);

function load(file) {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const head = JSON.parse(text.slice(0, text.indexOf('\n')));
  const client = text.split('--- client\n')[1].split('--- verdicts\n')[0];
  return { name: file.replace('.txt', ''), head, client };
}

/// A fetch that answers with the stream, some bytes at a time.
function answering(stream) {
  const bytes = new TextEncoder().encode(stream);
  let at = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, (at += 11)));
    },
  });
  const headers = { 'content-type': 'text/event-stream; charset=utf-8' };
  return async () => new Response(body, { status: 200, headers });
}

const options = (stream) => ({
  apiKey: 'k',
  baseURL: 'http://127.0.0.1:1',
  maxRetries: 0,
  fetch: answering(stream),
});
const messages = [{ role: 'user', content: 'Hi' }];

async function gatherChat({ head, client }, Sdk = OpenAI) {
  const stream = new Sdk(options(client)).chat.completions.stream({
    model: 'm',
    messages,
    stream_options: { include_usage: head.plan.include_usage ?? false },
  });
  const answer = await stream.finalChatCompletion();
  const { message, finish_reason } = answer.choices[0];
  const calls = message.tool_calls ?? [];
  return {
    text: message.content ?? '',
    calls: calls.map((call) => JSON.parse(call.function.arguments)),
    ids: calls.map((call) => call.id),
    reason: finish_reason,
    usage: answer.usage?.total_tokens,
    refusal: message.refusal,
  };
}

async function gatherMessage({ client }, Sdk = Anthropic) {
  const stream = new Sdk(options(client)).messages.stream({
    model: 'm',
    max_tokens: 100,
    messages,
  });
  const answer = await stream.finalMessage();
  const calls = answer.content.filter((block) => block.type === 'tool_use');
  return {
    text: answer.content.map((block) => block.text ?? '').join(''),
    calls: calls.map((call) => call.input),
    ids: calls.map((call) => call.id),
    reason: answer.stop_reason,
    usage: answer.usage.output_tokens,
    blocks: answer.content.map((block) => block.type).join(' '),
  };
}

/// Through the helper, whose answer must be what the events themselves add up to.
async function gatherResponse({ client }, Sdk = OpenAI) {
  const params = { model: 'm', input: 'Hi' };
  const stream = new Sdk(options(client)).responses.stream(params);
  const answer = await stream.finalResponse();
  let text = '';
  let sequence = 0;
  let last;
  const create = new Sdk(options(client)).responses.create({ ...params, stream: true });
  for await (const event of await create) {
    assert.equal(event.sequence_number, sequence++);
    if (event.type === 'response.output_text.delta') text += event.delta;
    last = event;
  }
  assert.equal(last.response.status, answer.status);
  assert.equal(text, answer.output_text);
  const parts = answer.output.flatMap((item) => item.content ?? []);
  const calls = answer.output.filter((item) => item.type === 'function_call');
  return {
    text: answer.output_text,
    calls: calls
      .filter((call) => call.status === 'completed')
      .map((call) => JSON.parse(call.arguments)),
    ids: answer.output.map((item) => item.id),
    reason: answer.incomplete_details?.reason ?? answer.status,
    usage: answer.usage.total_tokens,
    refusal: parts.find((part) => part.type === 'refusal')?.refusal,
    annotations: parts.flatMap((part) => part.annotations ?? []),
    items: answer.output.map((item) => item.type).join(' '),
  };
}

const cases = readdirSync(folder).filter((file) => file.endsWith('.txt')).sort().map(load);
const gathering = { openai: gatherChat, anthropic: gatherMessage, responses: gatherResponse };
const counterpart = { openai: 'anthropic' };
const clientOf = ({ head }) => head.client ?? counterpart[head.from] ?? 'openai';
const older = { openai: OpenAi6, anthropic: AnthropicOld, responses: OpenAi6 };
const gather = (given, Sdk) => gathering[clientOf(given)](given, Sdk);
const gathered = (name) => gather(cases.find((each) => each.name === name));

describe('streams of converted answers', () => {
  for (const each of cases) {
    const failed = /^(event: error|data: \{"error":.*)$/m.test(each.client);
    test(`${each.name} ${failed ? 'is an error' : 'is an answer'}`, async () => {
      if (failed) {
        await assert.rejects(gather(each));
        return assert.rejects(gather(each, older[clientOf(each)]));
      }
      const answer = await gather(each);
      assert.ok(answer.reason);
      assert.equal(new Set(answer.ids).size, answer.ids.length);
      for (const input of answer.calls) assert.equal(typeof input, 'object');
      assert.deepEqual(await gather(each, older[clientOf(each)]), answer);
    });
  }

  test('an answer of text, for an Anthropic client', async () => {
    const answer = await gathered('s_o2a_text');
    assert.equal(answer.text, 'Hello wörld\n"x" 😀');
    assert.equal(answer.reason, 'end_turn');
    assert.equal(answer.usage, 5);
  });

  test('thinking, text and a call, for an Anthropic client', async () => {
    const answer = await gathered('s_o2a_reason_text_tool');
    assert.equal(answer.blocks, 'thinking text tool_use');
    assert.deepEqual(answer.calls, [{ city: 'Ulm' }]);
    assert.equal(answer.reason, 'tool_use');
  });

  test('calls whose pieces are mixed, for an Anthropic client', async () => {
    const answer = await gathered('s_o2a_interleaved_tools');
    assert.deepEqual(answer.calls, [{ x: 1 }, { y: [2, {}] }]);
  });

  test('all at once, for an OpenAI client', async () => {
    const answer = await gathered('s_a2o_full');
    assert.equal(answer.text, "I'll look. \u2028é");
    assert.deepEqual(answer.calls, [{ city: 'Ulm' }, {}]);
    assert.equal(answer.reason, 'tool_calls');
    assert.equal(answer.usage, 2360);
  });

  test('all at once, for a client of Responses', async () => {
    const answer = await gathered('s_a2r_full');
    assert.equal(answer.items, 'reasoning message function_call function_call');
    assert.equal(answer.text, "I'll look. \u2028é");
    assert.deepEqual(answer.calls, [{ city: 'Ulm' }, {}]);
    assert.equal(answer.reason, 'completed');
    assert.equal(answer.usage, 2360);
  });

  test('thinking, text and a call of an OpenAI model, for a client of Responses', async () => {
    const answer = await gathered('s_o2r_reason_text_tool');
    assert.equal(answer.items, 'reasoning message function_call');
    assert.deepEqual(answer.calls, [{ city: 'Ulm' }]);
  });

  test('what a text cites, for a client of Responses', async () => {
    const answer = await gathered('s_a2r_server_tools');
    assert.ok(answer.annotations.length > 0);
    for (const each of answer.annotations) assert.equal(each.type, 'url_citation');
  });

  test('a refusal, for a client of Responses', async () => {
    const answer = await gathered('s_a2r_refusal_mid');
    assert.equal(answer.reason, 'content_filter');
    assert.equal(answer.refusal, 'I may "not".');
  });

  test('an answer that is cut off, for a client of Responses', async () => {
    const answer = await gathered('s_o2r_arguments_cut');
    assert.equal(answer.reason, 'max_output_tokens');
    assert.equal(answer.items, 'function_call');
  });

  test('a refusal, for an OpenAI client', async () => {
    const answer = await gathered('s_a2o_refusal_mid');
    assert.equal(answer.reason, 'content_filter');
    assert.equal(answer.refusal, 'I may "not".');
  });
});
