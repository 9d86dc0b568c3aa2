// Some megabytes of text of many kinds, the same on every run: the project's own files, and text
// made of words, characters and bytes.
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

/// Numbers from 0 to below 1, always the same ones for a seed.
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const chinese =
  '的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满县局照参红细引听该铁价严';
const kana = 'あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをんアイウエオカキクケコサシスセソタチツテトナニヌネノーッャュョがぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽ';
const hangul = '가나다라마바사아자차카타파하는이에서을를은도로고한국어문장입니다그리고있습니다없는것들';
const cyrillic = 'привет мир это просто текст который никто не читает кроме машины и ещё одного ЧЕЛОВЕКА Москва'.split(' ');
const arabic = 'مرحبا بالعالم هذا نص للتجربة فقط ولا أحد يقرأه'.split(' ');
const devanagari = 'नमस्ते दुनिया यह केवल परीक्षण के लिए पाठ है क्षेत्र'.split(' ');
const emoji = ['😀', '👍🏽', '👨‍👩‍👧‍👦', '❤️', '🇩🇪', '🏳️‍🌈', '🤷🏿‍♀️', '✨', '☃', '1️⃣', '🫠'];
const spaces = [' ', '\u00a0', '\u2003', '\u3000', '\u200a', '\u2028', '\u2029', '\u202f', '\u205f', '\u1680', '\u180e', '\u200b', '\u0085', '\ufeff', '\t', '\v', '\f', '\r', '\n', '\r\n'];
const atoms = [
  "'s", "'S", "'ſ", "'re", "'RE", "'Ll", "'ve", "'d", "'M", "'t", "'", "''", '"', '/', '//', '\\', '!', '?!', '...', '--',
  'Ⅷ', '²', '½', '٣', '0', '12', '345', '6789', 'ǅ', 'ǆ', 'ʰ', 'ª', 'ß', 'ẞ', 'K', 'Å', 'ſ', 'İ', 'ı', '\u0301', '\u0308', 'é',
  'Ა', 'ა', '\u1c89', '中', 'A', 'AB', 'aB', 'Ab', 'xyz', '\u{10400}', '\u{1d400}', '\u{1e900}', '\ufffd', '\u00ad', '<|endoftext|>', '{"a":', '}\n', '=', '====', '\0',
];

/// Every file of the project that is text, joined: C++, JavaScript, shell, prose.
function ownFiles(root) {
  let text = '';
  const walk = (folder) => {
    for (const name of readdirSync(folder).sort()) {
      const file = path.join(folder, name);
      if (name === 'node_modules' || name.endsWith('_corpus')) continue;
      if (statSync(file).isDirectory()) walk(file);
      else text += readFileSync(file, 'utf8');
    }
  };
  for (const folder of ['src', 'docs', 'scripts', 'tests', 'bench', 'configs']) {
    walk(path.join(root, folder));
  }
  return text;
}

/// The files of the corpus, by name; more than five megabytes in all. `root` is that of the
/// project.
export function corpus(root) {
  const next = random(1);
  const below = (limit) => Math.floor(next() * limit);
  const pick = (list) => list[below(list.length)];
  const fill = (size, make) => {
    const parts = [];
    for (let length = 0; length < size; ) {
      const part = make();
      parts.push(part);
      length += Buffer.byteLength(part);
    }
    return parts.join('');
  };
  const own = ownFiles(root);
  const words = [...new Set(own.match(/[A-Za-z]{2,}(?:'[a-z]+)?/g))];
  const times = (count, make) => Array.from({ length: count }, make).join('');
  const sentence = () => {
    const text = times(4 + below(16), () => `${pick(words)}${pick([' ', ' ', ' ', ', ', '; ', ' - '])}`);
    return `${text[0].toUpperCase()}${text.slice(1)}${pick(words)}${pick(['.', '.', '?', '!', '...', ':', '.\n\n', '.\n- '])} `;
  };
  const ideographs = [...chinese];
  const phrase = (characters, stops) => times(2 + below(18), () => pick(characters)) + pick(stops);
  const stops = ['，', '。', '、', '！\n', '？', '：“', '”', ' ', '（', '）', `${below(3000)}年`, ' GPT-4 '];
  const mixedJapanese = [...kana, ...kana, ...ideographs.slice(0, 200)];
  const value = (depth) => {
    const kind = below(depth > 3 ? 4 : 6);
    if (kind === 0) return next() * 10 ** below(9);
    if (kind === 1) return sentence();
    if (kind === 2) return phrase(ideographs, stops);
    if (kind === 3) return pick([true, false, null, -below(100), pick(emoji)]);
    if (kind === 4) return Array.from({ length: below(5) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: below(6) }, () => [pick(words), value(depth + 1)]));
  };
  const codePoint = (limit) => {
    const cp = below(limit);
    return String.fromCodePoint(cp >= 0xd800 && cp < 0xe000 ? 0x20 : cp);
  };
  const bytes = Buffer.alloc(300_000);
  for (let i = 0; i < bytes.length; i++) {
    // Some of it text, so that what is broken stands beside what is not.
    bytes[i] = next() < 0.5 ? below(256) : 0x20 + below(0x5f);
  }

  return {
    'own.txt': own,
    'prose.txt': fill(800_000, sentence),
    'chinese.txt': fill(700_000, () => phrase(ideographs, stops)),
    'japanese.txt': fill(400_000, () => phrase(mixedJapanese, ['、', '。', '」「', '\n', ' ', 'API'])),
    'languages.txt': fill(400_000, () =>
      `${pick([pick(cyrillic), pick(arabic), pick(devanagari), phrase([...hangul], [' ', '. '])])}${pick([' ', ' ', ', ', '\n'])}`),
    'data.json': fill(500_000, () => `${JSON.stringify(value(0), null, pick([0, 0, 2]))}\n`),
    'emoji.txt': fill(200_000, () => pick([pick(emoji), pick(emoji), pick(words), ' ', '\n'])),
    'spaces.txt': fill(300_000, () => `${times(1 + below(4), () => pick(spaces))}${pick([pick(words), pick(atoms), '\u4e2d'])}`),
    'edges.txt': fill(700_000, () => (next() < 0.97 ? pick(atoms) : pick(atoms).repeat(below(80)))),
    'low.txt': fill(300_000, () => codePoint(0x3000)),
    'unicode.txt': fill(500_000, () => codePoint(0x110000)),
    'bytes.bin': bytes,
  };
}
