// Calls whose tokens are counted by the client, and the books of a gateway as they lie in its
// database. Every word of the scripted upstream is one token, so a client can count for itself.
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { run } from './processes.mjs';
import { until } from './until.mjs';

// It is experimental in Node 22, which says so once in every process that uses it.
process.removeAllListeners('warning');
const { DatabaseSync } = await import('node:sqlite');

/// What "Hello" from a user costs as a prompt, in tokens: OpenAI's rules and Anthropic's.
export const kPrompt = { openai: 8, anthropic: 8 };

/// The words of a text of the scripted upstream, one token each.
export function words(text) {
  return (text.match(/\.\n\n|[.,:!]| ?[^\s.,:!]+/gu) ?? []).length;
}

/// One call on a connection of its own, read to its end whatever that is. Resolves with {status, headers, text, json,
/// output, usage, finish, done, error, broken, aborted}; `done` is the dialect's own terminal event,
/// or the whole body. `abortAfter`: leaves once so many tokens of content have come.
export function call(gateway, { key, route = '/v1/chat/completions', body, id, abortAfter }) {
  const payload = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const answer = { status: 0, text: '', broken: false, aborted: false };
    const end = () => resolve(readAnswer(answer, body.stream === true));
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(payload),
      authorization: `Bearer ${key}`,
      ...(id && { 'x-request-id': id }),
    };
    const request = http.request(gateway.url + route, { method: 'POST', headers, agent: false });
    request.on('error', (error) => {
      // A connection that could not be used at all is a failure of the test's own.
      if (answer.status === 0 && !answer.aborted && error.code === 'EADDRNOTAVAIL') reject(error);
      answer.broken = true;
      answer.failure = error.code;
      end();
    });
    request.on('response', (response) => {
      answer.status = response.statusCode;
      answer.headers = response.headers;
      response.setEncoding('utf8');
      response.on('data', (text) => {
        answer.text += text;
        if (abortAfter === undefined || answer.aborted) return;
        if (readAnswer({ ...answer }, true).output < abortAfter) return;
        answer.aborted = true;
        request.destroy();
        end();
      });
      response.on('error', () => (answer.broken = true));
      response.on('close', () => {
        if (!response.complete) answer.broken = true;
        end();
      });
    });
    request.end(payload);
  });
}

/// Reads what came of an answer of either dialect; `output` are its tokens as the client counts.
function readAnswer(answer, stream) {
  Object.assign(answer, { output: 0, finish: undefined, done: false });
  if (answer.status === 200 && stream) {
    for (const event of eventsOf(answer.text)) readEvent(answer, event);
  } else if (!answer.broken && answer.text !== '') {
    try {
      answer.json = JSON.parse(answer.text);
    } catch {
      answer.broken = true;
      return answer;
    }
    if (answer.status === 200) readWhole(answer);
    else answer.error = answer.json.error;
  }
  return answer;
}

function eventsOf(text) {
  // What lacks its blank line has not come whole.
  const blocks = text.split('\n\n').slice(0, -1);
  return blocks.map((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    return data === '[DONE]' ? { done: true } : JSON.parse(data ?? 'null');
  });
}

// A piece of text consists of whole words.
function take(answer, text) {
  answer.output += words(text ?? '');
}

function readEvent(answer, event) {
  if (!event) return;
  if (event.done || event.type === 'message_stop') answer.done = true;
  if (event.error) answer.error = event.error;
  if (event.usage) answer.usage = event.usage;
  for (const choice of event.choices ?? []) {
    take(answer, choice.delta?.content);
    take(answer, choice.delta?.reasoning_content);
    answer.finish = choice.finish_reason ?? answer.finish;
  }
  if (event.type === 'content_block_delta') {
    take(answer, event.delta.text);
    take(answer, event.delta.thinking);
  }
  if (event.type === 'message_delta') answer.finish = event.delta.stop_reason;
}

function readWhole(answer) {
  const { choices, content, usage } = answer.json;
  answer.done = true;
  answer.usage = usage;
  for (const { message, text, finish_reason } of choices ?? []) {
    take(answer, message?.content ?? text);
    take(answer, message?.reasoning_content);
    answer.finish = finish_reason;
  }
  for (const block of content ?? []) {
    take(answer, block.text);
    take(answer, block.thinking);
  }
  answer.finish ??= answer.json.stop_reason;
}

/// The database of a gateway, or of one that ran in `folder`.
export class Books {
  constructor(folder) {
    this.file = path.join(folder, 'data/sluice.db');
  }

  all(sql, ...values) {
    const database = new DatabaseSync(this.file, { readOnly: true });
    try {
      return database.prepare(sql).all(...values);
    } finally {
      database.close();
    }
  }

  one(sql, ...values) {
    return this.all(sql, ...values)[0];
  }

  usage() {
    return this.all('SELECT * FROM usage_logs');
  }

  rowsOf(requestId) {
    return this.all('SELECT * FROM usage_logs WHERE request_id = ?', requestId);
  }

  /// Waits for the row of a request whose client left before it was written.
  async rowOf(requestId) {
    return until(`the row of ${requestId}`, async () => {
      const [row] = this.rowsOf(requestId);
      return { done: row !== undefined, value: row };
    });
  }

  key(name) {
    const row = this.one('SELECT quota_tokens, used_tokens FROM api_keys WHERE name = ?', name);
    return { ...row, left: row.quota_tokens === null ? null : row.quota_tokens - row.used_tokens };
  }

  /// In nano-USD.
  balance(user) {
    const sql = 'SELECT balance FROM wallets JOIN users ON users.id = user_id WHERE name = ?';
    return this.one(sql, user).balance;
  }

  /// Waits until nothing is open: clients that left are settled a moment later.
  settled() {
    return until('every request to be settled', async () => {
      const { open } = this.one('SELECT count(*) AS open FROM open_leases');
      return { done: open === 0, value: open };
    });
  }

  /// What must be true of the books at every moment at which nothing runs.
  check() {
    const keys = this.all(`SELECT name, used_tokens AS kept, coalesce((SELECT
      sum(input_tokens + cache_read_tokens + cache_write_tokens + output_tokens)
      FROM usage_logs WHERE key_id = api_keys.id), 0) AS sum FROM api_keys`);
    for (const { name, kept, sum } of keys) assert.equal(kept, sum, `tokens of key ${name}`);
    const wallets = this.all(`SELECT user_id, balance AS kept, coalesce((SELECT sum(amount)
      FROM wallet_transactions WHERE wallet_id = wallets.id), 0) AS sum, coalesce((SELECT sum(cost)
      FROM usage_logs WHERE wallet_id = wallets.id), 0) AS cost, coalesce((SELECT -sum(amount)
      FROM wallet_transactions WHERE wallet_id = wallets.id AND kind = 'charge'), 0) AS charged
      FROM wallets`);
    for (const { user_id, kept, sum, cost, charged } of wallets) {
      assert.equal(kept, sum, `balance of user ${user_id}`);
      assert.equal(charged, cost, `charges of user ${user_id}`);
    }
    assert.equal(this.one('SELECT count(*) AS n FROM open_leases').n, 0, 'open leases');
    assert.equal(this.one('SELECT count(*) AS n FROM dead_letters').n, 0, 'dead letters');
  }

  /// Lets nobody else write until the returned function is called.
  lock() {
    const database = new DatabaseSync(this.file);
    database.exec('PRAGMA busy_timeout = 5000; BEGIN EXCLUSIVE');
    return () => {
      database.exec('ROLLBACK');
      database.close();
    };
  }
}

/// `sluice ARGS --config ...` beside a gateway; its standard output.
export async function sluice(gateway, ...args) {
  const { code, stdout, stderr } = await run([...args, '--config', gateway.file], {
    cwd: gateway.folder,
  });
  assert.equal(code, 0, `${args.join(' ')}: ${stderr}`);
  return stdout;
}

export const sluiceJson = async (gateway, ...args) =>
  JSON.parse(await sluice(gateway, ...args, '--json'));

/// USD as nano-USD, exactly.
export function nanos(usd) {
  const [, sign, whole, decimals = ''] = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(usd);
  return Number(`${sign}${whole}${decimals.padEnd(9, '0')}`);
}

/// What tokens cost at prices per 1M tokens, in nano-USD, rounded once, half up.
export function costOf(price, input, output) {
  const sum = BigInt(nanos(price.input)) * BigInt(input) + BigInt(nanos(price.output)) * BigInt(output);
  return Number((sum + 500_000n) / 1_000_000n);
}

/// What the mock says of every attempt that carried this request's id.
export async function endings(mock) {
  const { endings: all } = await (await fetch(`${mock.url}/mock/endings`)).json();
  const byId = new Map();
  for (const each of all) byId.set(each.caller_id, [...(byId.get(each.caller_id) ?? []), each]);
  return byId;
}
