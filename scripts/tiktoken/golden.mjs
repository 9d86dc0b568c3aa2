// Writes src/tokens/encoding_golden.inc: texts and their tokens, as the npm package `tiktoken`
// has them.
//
//   node scripts/tiktoken/golden.mjs
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = new URL('../../', import.meta.url);
const require = createRequire(new URL('.tools/tiktoken/package.json', root));
const { get_encoding: encodingOf } = require('tiktoken');

const texts = [
  'Hello, world!',
  "I'm sure they've said: we'll, he'd, it's, don't, I'M, THEY'VE, WE'LL, HE'D, IT'S, DON'T.",
  "'s 's' ''s 'server 're 'r 'rx x'sy \u4e2d's A'S it'\u017f IT'\u017f '\u017f",
  '  two  spaces   three    four \t tab\t\ttabs ',
  'line\nline\n\nline\r\n\r\nline\r \n \n\n  indented\n\t\ttwice \n',
  '\u00a0nbsp\u00a0\u00a0! \u3000\u5168\u89d2\u3000\u3000\u7a7a\u2028line\u2003em\u180emvs\u200bzw\u0085nel',
  '1 12 123 1234 12345678 3.14159 1,000,000 \u2167\u2168\u2169\u2160 \u00b2\u00b3\u00b9\u00bc \u0661\u0662\u0663\u0664',
  'camelCase PascalCase XMLHttpRequest snake_case SCREAMING_CASE kebab-case x1y2z3',
  '\u65e5\u672c\u8a9eABC\u306e\u30c6\u30ad\u30b9\u30c8XYZabc\u6f22\u5b57A',
  '\u01c5\u01c6\u01c4 \u02b0\u02b1 e\u0301e\u0301\u0301 \u0301\u0301 !\u0301! \u212a\u212b \u1c89\u1c8a \u2c2f\ua7dc',
  '\ud83d\ude00\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67 \u2764\ufe0f \ud83c\udde9\ud83c\uddea\ud83c\udff3\ufe0f\u200d\ud83c\udf08',
  '\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0645\u0631\u062d\u0628\u0627 \u0928\u092e\u0938\u094d\u0924\u0947 \ud55c\uad6d\uc5b4 \u0e44\u0e17\u0e22 \u05e9\u05dc\u05d5\u05dd',
  '!!! ?!? ... --- === /// //\n// !\n!\r\n/\n/?a !!\n\n /',
  'for (let i = 0; i < n; ++i) {\n    sum += a[i]; // add\n}\n',
  '{"id":"chatcmpl-123","choices":[{"delta":{"content":"\\u00e9"}}]}\n\n',
  'https://example.com/a/b?c=d&e=%20f#g <a href="x">y</a> C:\\dir\\file.txt',
  '<|endoftext|><|im_start|>user<|im_end|>',
  '\ufffd\ufffd \u0000\u0001 \u007f\u00ad',
  '='.repeat(100) + ' '.repeat(70) + 'a'.repeat(50) + '\n'.repeat(20) + '.'.repeat(33) + '\t'.repeat(9) + 'x',
  ' supercalifragilisticexpialidocious antidisestablishmentarianism Donaudampfschifffahrtsgesellschaft',
];
const names = ['o200k_base', 'cl100k_base', 'p50k_base', 'r50k_base'];

const quote = (text) =>
  `"${[...Buffer.from(text)].map((b) => (b >= 0x20 && b < 0x7f && b !== 0x22 && b !== 0x5c && b !== 0x3f ? String.fromCharCode(b) : `\\${b.toString(8).padStart(3, '0')}`)).join('')}"`;
let out = '// Written by scripts/tiktoken/golden.mjs.\n';
for (const text of texts) {
  const size = Buffer.byteLength(text);
  out += `{std::string_view(${quote(text)}, ${size}), {{\n`;
  for (const name of names) out += `  {${[...encodingOf(name).encode_ordinary(text)].join(', ')}},\n`;
  out += '}}},\n';
}
writeFileSync(new URL('src/tokens/encoding_golden.inc', root), out);
