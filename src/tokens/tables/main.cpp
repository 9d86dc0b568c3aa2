// Run while the project is built: turns the ranks of the npm package `tiktoken` into the tables
// that are linked into the binary.
//
//   sluice_token_tables ENCODER.json TABLE.bin     an encoding, as table_layout.hpp describes
//   sluice_token_tables --classes CLASSES.bin      the classes of code points
#include <algorithm>
#include <bit>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "json/reader.hpp"
#include "tokens/char_class.hpp"
#include "tokens/table_layout.hpp"
#include "tokens/tables/trie.hpp"

namespace sluice::tokens {
namespace {

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  require(file.good(), "cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t digit = kDigits.find(c);
    require(digit != std::string_view::npos, "not base64");
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8));
  }
  return out;
}

// Tokens by rank; empty where a rank is not given away. The file has lines of "! FIRST TOKEN...",
// the tokens in base64 with ranks from FIRST on.
std::vector<std::string> read_ranks(const std::string& path) {
  const std::string text = read_file(path);
  json::Reader reader(text);
  json::String key;
  std::string ranks;
  require(reader.begin_object(), path + ": not an object");
  while (reader.next_member(key)) {
    if (key == "bpe_ranks" && reader.peek() == json::Kind::kString) {
      ranks = reader.string().str();
    } else {
      reader.skip();
    }
  }
  require(reader.finish() && !ranks.empty(), path + ": no bpe_ranks");

  std::vector<std::string> tokens;
  std::string_view rest = ranks;
  const auto next = [&rest](char border) {
    const size_t at = std::min(rest.find(border), rest.size());
    const std::string_view word = rest.substr(0, at);
    rest.remove_prefix(std::min(at + 1, rest.size()));
    return word;
  };
  while (!rest.empty()) {
    std::string_view line = next('\n');
    std::swap(line, rest);
    require(next(' ') == "!", path + ": unknown form of ranks");
    const auto first = parse_u64(next(' '));
    require(first && *first >= tokens.size() && *first < (1U << kTokenBits), path + ": bad rank");
    tokens.resize(*first);
    while (!rest.empty()) tokens.push_back(base64(next(' ')));
    std::swap(line, rest);
  }
  return tokens;
}

struct Split {
  uint32_t left;
  uint32_t right;
};

using Ranks = std::unordered_map<std::string_view, uint32_t>;

// The two tokens whose merge is what merging the token's bytes by rank does last. Every other
// pair with the same bytes is torn apart by a merge of lower rank, whatever stands around it, so
// this is the only one that is needed. {token, token} when there is none: a single byte, or a
// token that merging never makes.
Split split_of(uint32_t token, std::string_view bytes, const Ranks& ranks) {
  std::vector<std::string_view> parts;
  for (size_t i = 0; i < bytes.size(); ++i) parts.push_back(bytes.substr(i, 1));
  while (parts.size() > 2) {
    size_t best = 0;
    uint32_t best_rank = kNoToken;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto found = ranks.find({parts[i].data(), parts[i].size() + parts[i + 1].size()});
      if (found != ranks.end() && found->second < best_rank) {
        best = i;
        best_rank = found->second;
      }
    }
    if (best_rank == kNoToken) return {token, token};
    parts[best] = {parts[best].data(), parts[best].size() + parts[best + 1].size()};
    parts.erase(parts.begin() + static_cast<ptrdiff_t>(best) + 1);
  }
  if (parts.size() < 2) return {token, token};
  return {ranks.at(parts[0]), ranks.at(parts[1])};
}

struct Key {
  uint64_t hash;
  uint32_t token;
  uint32_t tag;
};

struct PerfectHash {
  HashShape shape;
  std::vector<uint32_t> slots;
  std::vector<uint16_t> pilots;
};

// Hash and displace: the fullest buckets first, each with the first pilot that sends all of its
// keys to free slots.
PerfectHash make_hash(const std::vector<Key>& keys) {
  PerfectHash out;
  const auto count = static_cast<uint32_t>(keys.size());
  out.shape = {std::bit_ceil(count / 4 + 1), std::bit_ceil(count + count / 16 + 1)};
  out.slots.assign(out.shape.slots, kNoToken);
  out.pilots.assign(out.shape.buckets, 0);
  std::vector<std::vector<Key>> buckets(out.shape.buckets);
  for (const Key& key : keys) buckets[bucket_of(key.hash, out.shape)].push_back(key);
  std::vector<uint32_t> order(out.shape.buckets);
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, std::greater(),
                    [&](uint32_t bucket) { return std::pair(buckets[bucket].size(), bucket); });

  std::vector<uint32_t> taken;
  for (const uint32_t bucket : order) {
    uint32_t pilot = 0;
    for (;; ++pilot) {
      require(pilot <= UINT16_MAX, "no perfect hash found");
      taken.clear();
      for (const Key& key : buckets[bucket]) {
        const uint32_t slot = slot_of(key.hash, pilot, out.shape);
        if (out.slots[slot] != kNoToken || std::ranges::find(taken, slot) != taken.end()) break;
        taken.push_back(slot);
      }
      if (taken.size() == buckets[bucket].size()) break;
    }
    out.pilots[bucket] = static_cast<uint16_t>(pilot);
    for (const Key& key : buckets[bucket]) {
      out.slots[slot_of(key.hash, pilot, out.shape)] = key.token | key.tag << kTokenBits;
    }
  }
  return out;
}

// Which tokens are whole characters, as Vocabulary::of_whole_character() says. Merges go by rank,
// so a character is whole before its neighbours matter when the last of the merges that make it
// comes before every merge of a part of it, at its border, with something beyond.
// The same for the first two bytes of a character of three that is not.
struct Characters {
  std::vector<uint16_t> blocks;
  std::vector<uint32_t> tokens;
  std::vector<uint32_t> leads;
};

// The code point of text that is one character of two or three bytes, else 0.
uint32_t code_point_of(std::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<uint32_t>(static_cast<uint8_t>(text[i]));
  };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  uint32_t code_point = 0;
  if (text.size() == 2 && byte(0) >> 5 == 6 && follows(1)) {
    code_point = (byte(0) & 0x1f) << 6 | (byte(1) & 0x3f);
    return code_point >= 0x80 ? code_point : 0;
  }
  if (text.size() == 3 && byte(0) >> 4 == 0xe && follows(1) && follows(2)) {
    code_point = (byte(0) & 0xf) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
    return code_point >= 0x800 ? code_point : 0;
  }
  return 0;
}

Characters find_characters(const std::vector<std::string>& texts,
                           const std::vector<Split>& splits) {
  const auto count = static_cast<uint32_t>(texts.size());
  const auto is_inside = [](char c) { return (static_cast<uint8_t>(c) & 0xc0) == 0x80; };
  // The first merge that has the token on its left side, with the beginning of a character on the
  // right, or the middle; and with the token on its right side, behind the end of a character of
  // several bytes.
  std::vector<uint32_t> first_as_left(count, kNoToken);
  std::vector<uint32_t> first_inside(count, kNoToken);
  std::vector<uint32_t> first_as_right(count, kNoToken);
  for (uint32_t token = 0; token < count; ++token) {
    const auto [left, right] = splits[token];
    if (left == token) continue;
    uint32_t& first = (is_inside(texts[right].front()) ? first_inside : first_as_left)[left];
    first = std::min(first, token);
    if (is_inside(texts[left].back())) {
      first_as_right[right] = std::min(first_as_right[right], token);
    }
  }
  const auto is_whole = [&](uint32_t token) {
    const auto may_merge = [&](const std::vector<uint32_t>& first, uint32_t part) {
      return part > token || first[part] < token;
    };
    uint32_t part = token;
    while (splits[part].left != part) {
      part = splits[part].left;
      if (may_merge(first_as_right, part)) return false;
    }
    part = token;
    while (splits[part].left != part) {
      part = splits[part].right;
      if (may_merge(first_as_left, part)) return false;
    }
    return part != token;
  };

  Characters out;
  out.blocks.assign(kCharacterBlocks, 0);
  out.tokens.assign(kCharacterBlock, kNoToken);
  out.leads.assign(kCharacterBlocks, kNoToken);
  for (uint32_t token = 0; token < count; ++token) {
    const std::string& text = texts[token];
    if (text.size() == 2 && static_cast<uint8_t>(text[0]) >> 4 == 0xe && is_inside(text[1])) {
      const auto [left, right] = splits[token];
      if (left != token && token < first_as_right[left] && token < first_inside[right]) {
        out.leads[(static_cast<uint8_t>(text[0]) & 0xfU) << 6 |
                  (static_cast<uint8_t>(text[1]) & 0x3fU)] = token;
      }
    }
    const uint32_t code_point = code_point_of(text);
    if (code_point == 0 || !is_whole(token)) continue;
    uint16_t& block = out.blocks[code_point / kCharacterBlock];
    if (block == 0) {
      block = static_cast<uint16_t>(out.tokens.size() / kCharacterBlock);
      out.tokens.resize(out.tokens.size() + kCharacterBlock, kNoToken);
    }
    out.tokens[block * kCharacterBlock + code_point % kCharacterBlock] = token;
  }
  return out;
}

void note_reach(std::vector<uint8_t>& reaches, std::string_view text, size_t known) {
  if (text.size() <= known) return;
  uint8_t& reach = reaches[reach_of(text.substr(0, known))];
  reach = std::max(reach, static_cast<uint8_t>(text.size()));
}

class File {
 public:
  template <typename T>
  void add(const T* values, size_t count) {
    bytes_.append(reinterpret_cast<const char*>(values), count * sizeof(T));
    bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
  }
  template <typename T>
  void add(const std::vector<T>& values) {
    add(values.data(), values.size());
  }
  void write(const std::string& path) const {
    std::ofstream file(path, std::ios::binary);
    file << bytes_;
    require(file.flush().good(), "cannot write " + path);
  }

 private:
  std::string bytes_;
};

void write_encoding(const std::string& from, const std::string& to) {
  const std::vector<std::string> tokens = read_ranks(from);
  const auto count = static_cast<uint32_t>(tokens.size());
  Ranks ranks;
  for (uint32_t token = 0; token < count; ++token) {
    if (tokens[token].empty()) continue;
    require(tokens[token].size() <= kMaxTokenBytes, "a token of more than 128 bytes");
    require(ranks.emplace(tokens[token], token).second, "a token twice");
  }
  std::vector<uint32_t> offsets;
  std::vector<uint32_t> packed_splits;
  std::vector<Split> splits;
  std::vector<Trie::Word> words;
  std::vector<uint16_t> single(256, UINT16_MAX);
  std::vector<uint8_t> first_reaches(256, 0);
  std::vector<uint8_t> near_reaches(kReaches, 0);
  std::vector<uint8_t> far_reaches(kReaches, 0);
  std::vector<Key> pieces;
  std::vector<Key> pairs;
  std::string bytes;
  for (uint32_t token = 0; token < count; ++token) {
    const std::string& text = tokens[token];
    const Split split = split_of(token, text, ranks);
    offsets.push_back(static_cast<uint32_t>(bytes.size()) | split.right >> kRightLowBits
                                                                               << kOffsetBits);
    packed_splits.push_back(split.left | split.right << kTokenBits);
    splits.push_back(split);
    bytes += text;
    if (text.empty()) continue;
    if (text.size() == 1) {
      require(token < UINT16_MAX, "the token of a byte does not fit");
      single[static_cast<unsigned char>(text[0])] = static_cast<uint16_t>(token);
    } else if (split.left == token) {
      std::printf("%s: token %u is not made by merging\n", from.c_str(), token);
    }
    const uint64_t hash = hash_bytes(text.data(), text.size());
    pieces.push_back({hash, token, hash_tag(hash)});
    uint8_t& first_reach = first_reaches[static_cast<unsigned char>(text[0])];
    first_reach = std::max(first_reach, static_cast<uint8_t>(text.size()));
    note_reach(near_reaches, text, near_bytes(text[0]));
    note_reach(far_reaches, text, far_bytes(text[0]));
    if (split.left != token || text.size() == 1) words.push_back({text, token});
    if (split.left == token) continue;
    const uint64_t pair = hash_pair(split.left, split.right);
    pairs.push_back({pair, token, 0});
  }
  offsets.push_back(static_cast<uint32_t>(bytes.size()));
  require(count < kTrieNoToken, "no token is left over for none");
  require(bytes.size() < (1U << kOffsetBits), "the bytes of the tokens do not fit");
  require(std::ranges::find(single, UINT16_MAX) == single.end(), "a byte without a token");
  bytes.append(16, '\0');

  const PerfectHash by_bytes = make_hash(pieces);
  const PerfectHash by_pair = make_hash(pairs);
  std::vector<uint64_t> pair_slots;
  for (const uint32_t slot : by_pair.slots) {
    const uint64_t token = slot & ((1U << kTokenBits) - 1);
    pair_slots.push_back(slot == kNoToken ? ~uint64_t{0}
                                          : pair_key(splits[token].left, splits[token].right) |
                                                token << kPairToken);
  }
  std::ranges::sort(words, {}, &Trie::Word::text);
  const Trie trie(words);
  const Characters characters = find_characters(tokens, splits);
  const auto blocks = static_cast<uint32_t>(characters.tokens.size() / kCharacterBlock);
  const TableHeader header{count,
                           by_bytes.shape,
                           by_pair.shape,
                           blocks,
                           static_cast<uint32_t>(trie.units().size()),
                           trie.root_base()};
  File file;
  file.add(&header, 1);
  file.add(offsets);
  file.add(packed_splits);
  file.add(by_bytes.slots);
  file.add(pair_slots);
  file.add(trie.units());
  file.add(single);
  file.add(by_bytes.pilots);
  file.add(by_pair.pilots);
  file.add(characters.blocks);
  file.add(characters.tokens);
  file.add(characters.leads);
  file.add(first_reaches);
  file.add(near_reaches);
  file.add(far_reaches);
  file.add(bytes.data(), bytes.size());
  file.write(to);
}

struct ClassRange {
  uint32_t first;
  CharClass kind;
};
constexpr ClassRange kClassRanges[] = {
#include "tokens/tables/unicode_classes.inc"
};

void write_classes(const std::string& to) {
  std::string table(kClassBlocks, '\0');
  std::unordered_map<std::string, size_t> blocks;
  const ClassRange* range = kClassRanges;
  std::string block;
  for (uint32_t code_point = 0; code_point < 0x110000; ++code_point) {
    while (range + 1 != std::end(kClassRanges) && range[1].first <= code_point) ++range;
    block += static_cast<char>(bit(range->kind));
    if (block.size() < kClassBlock) continue;
    const auto [known, is_new] = blocks.emplace(block, blocks.size());
    if (is_new) table += block;
    require(known->second < 256, "too many blocks of classes");
    table[code_point / kClassBlock] = static_cast<char>(known->second);
    block.clear();
  }
  File file;
  file.add(table.data(), table.size());
  file.write(to);
}

}  // namespace
}  // namespace sluice::tokens

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() != 2) return 2;
  try {
    if (args[0] == "--classes") {
      sluice::tokens::write_classes(args[1]);
    } else {
      sluice::tokens::write_encoding(args[0], args[1]);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
