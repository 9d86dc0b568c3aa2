#include "mock/words.hpp"

#include <array>
#include <iterator>

namespace sluice::mock {

namespace {

// Every word is one token of o200k_base as it stands here, with its space; a test holds it so.
constexpr std::string_view kWords[] = {
    " the",    " a",       " of",      " and",     " to",       " in",      " that",   " it",
    " river",  " gate",    " water",   " stream",  " slowly",   " quickly", " opens",  " closes",
    " behind", " before",  " small",   " large",   " quiet",    " early",   " late",   " again",
    " when",   " while",   " because", " where",   " morning",  " evening", " summer", " winter",
    " walks",  " carries", " follows", " finds",   " remember", " answers", " asks",   " waits",
    " stone",  " bridge",  " village", " harbour", " letter",   " number",  " reason", " measure",
    " clear",  " simple",  " careful", " honest",  " warm",     " bright",  " narrow", " deep",
    " never",  " always",  " often",   " almost",  " together", " alone",   " nearby", " across",
    " café",   " Zürich",  " señor",   " жизнь",   " 日本",     " 🙂",      " день",   " mañana",
    " keeps",  " turns",   " listens", " writes",  " reads",    " learns",  " builds", " returns",
};

// What a sentence begins with: one token with a space before it and without.
constexpr std::string_view kOpeners[] = {
    " The",   " A",      " In",    " That",  " It",   " When",  " While",  " Because",
    " Where", " Before", " Small", " Early", " Late", " Never", " Always", " Often",
};

constexpr std::string_view kGreeting[] = {
    "Hello",  "!",  " This",     " answer",   " comes", " word", " by",      " word",
    " from",  " a", " scripted", " upstream", ",",      " not",  " from",    " a",
    " model", ":",  " ask",      " for",      " a",     " mock", " instead", ".",
};
static_assert(std::size(kGreeting) == 24);

constexpr std::string_view kFencedJson[] = {
    "```",   "json",    "\n",  "{\"",  "city", "\":\"", "Paris",
    "\",\"", "weather", "\":", "true", "}\n",  "```",
};

constexpr uint64_t kSentence = 12;   // words, its full stop among them
constexpr uint64_t kParagraph = 60;  // words

}  // namespace

uint64_t mix(uint64_t value) {
  // splitmix64
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

uint64_t seed_of(std::string_view text) {
  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return mix(hash);
}

void append_token(std::string& out, uint64_t seed, size_t count) {
  constexpr std::string_view kAlphabet =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  uint64_t bits = 0;
  for (size_t i = 0; i < count; ++i) {
    // Ten characters use up 60 of 64 bits.
    if (i % 10 == 0) bits = mix(seed + i);
    out += kAlphabet[bits % kAlphabet.size()];
    bits /= kAlphabet.size();
  }
}

Text Text::greeting() { return Text(kGreeting); }

Text Text::fenced_json() { return Text(kFencedJson); }

void Text::append(std::string& out, uint64_t first, uint64_t count) const {
  for (uint64_t i = first; i < first + count && i < total_; ++i) {
    if (!fixed_.empty()) {
      out.append(fixed_[i]);
      continue;
    }
    const uint64_t place = i % kSentence;
    const uint64_t pick = mix(seed_ + i);
    if (place == kSentence - 1) {
      const bool paragraph = i % kParagraph == kParagraph - 1 && i + 1 < total_;
      out.append(paragraph ? ".\n\n" : ".");
    } else if (place == 0) {
      const std::string_view opener = kOpeners[pick % std::size(kOpeners)];
      out.append(i % kParagraph == 0 ? opener.substr(1) : opener);
    } else {
      out.append(kWords[pick % std::size(kWords)]);
    }
  }
}

}  // namespace sluice::mock
