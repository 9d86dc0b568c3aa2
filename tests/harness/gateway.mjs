// The gateway with a configuration of the test's own.
import path from 'node:path';
import { Sluice, temporaryFolder, writeConfig } from './processes.mjs';

export const kClientKey = 'sk-client-0123456789abcdef';
export const kOpenAiKey = 'sk-upstream-openai-fedcba9876543210';
export const kAnthropicKey = 'sk-ant-upstream-fedcba9876543210';

/// Both dialects to one upstream. `changes` are merged into it; lists are replaced.
export function configFor(upstream, changes = {}) {
  return merge(
    {
      // Retries of one test must not use up the budget of the next.
      routing: { retry: { budget: 1, backoff: '10ms' } },
      server: { host: '127.0.0.1', port: 0, drain_min: '0s', drain_max: '10s' },
      providers: [
        {
          name: 'oa',
          type: 'openai',
          base_url: `${upstream}/v1`,
          api_keys: [kOpenAiKey],
          default: true,
        },
        {
          name: 'an',
          type: 'anthropic',
          base_url: upstream,
          api_keys: [kAnthropicKey],
          default: true,
        },
      ],
      keys: [{ key: kClientKey, name: 'tester' }],
      logging: { level: 'debug', format: 'json' },
    },
    changes,
  );
}

export function merge(base, changes) {
  const merged = { ...base };
  for (const [name, value] of Object.entries(changes)) {
    const both = isMap(value) && isMap(base[name]);
    merged[name] = both ? merge(base[name], value) : value;
  }
  return merged;
}

function isMap(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/// Starts `sluice serve` with `config`, and waits until it accepts connections. Its data lies in
/// `folder`, so that another one can take over where it ended.
export async function startGateway(
  config,
  { args = [], env = {}, folder = temporaryFolder() } = {},
) {
  const file = writeConfig(path.join(folder, 'gateway.yaml'), config);
  const gateway = new Gateway(['serve', '--config', file, ...args], {
    env,
    cwd: folder,
  });
  gateway.file = file;
  gateway.folder = folder;
  gateway.port = await gateway.listening(/^Starting server on :(\d+)$/);
  const scheme = config.server?.tls?.enabled ? 'https' : 'http';
  gateway.url = `${scheme}://127.0.0.1:${gateway.port}`;
  return gateway;
}

class Gateway extends Sluice {
  /// Replaces the configuration and waits for what the log says of it: true when it was taken.
  async reload(config) {
    const from = this.stdout.seen.length;
    writeConfig(this.file, config);
    this.kill('SIGHUP');
    const line = await this.stdout.first(/\b(reloaded|reload refused)\b/, { from });
    return !line.includes('refused');
  }

  /// The log line of the first request with these fields.
  async requestLine(fields) {
    const parts = Object.entries({ event: 'request', ...fields }).map(
      ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
    );
    return JSON.parse(
      await this.stdout.first((line) => parts.every((part) => line.includes(part))),
    );
  }

  /// POSTs JSON, or a text as it is, with the client's key.
  post(route, body, headers = {}, options = {}) {
    return fetch(this.url + route, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${kClientKey}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...options,
    });
  }

  get(route, headers = {}) {
    return fetch(this.url + route, { headers });
  }
}
