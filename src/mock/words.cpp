#include "mock/words.hpp"

#include <array>
#include <iterator>

namespace sluice::mock {

namespace {

constexpr std::string_view kWords[] = {
    "the",    "a",       "of",      "and",     "to",       "in",      "that",   "it",
    "river",  "gate",    "water",   "stream",  "slowly",   "quickly", "opens",  "closes",
    "behind", "before",  "small",   "large",   "quiet",    "early",   "late",   "again",
    "when",   "while",   "because", "where",   "morning",  "evening", "summer", "winter",
    "walks",  "carries", "follows", "finds",   "remember", "answers", "asks",   "waits",
    "stone",  "bridge",  "village", "harbour", "letter",   "number",  "reason", "measure",
    "clear",  "simple",  "careful", "honest",  "warm",     "bright",  "narrow", "deep",
    "never",  "always",  "often",   "almost",  "together", "alone",   "nearby", "across",
    "café",   "naïve",   "Zürich",  "日本語",  "🙂",       "señor",   "жизнь",  "déjà",
    "keeps",  "turns",   "listens", "writes",  "reads",    "learns",  "builds", "returns",
};

constexpr std::string_view kGreeting[] = {
    "Hello!", "This",         "answer",    "comes", "word",  "by",    "word",   "from",
    "a",      "scripted",     "upstream,", "not",   "from",  "a",     "model:", "ask",
    "for",    "mock-c40-i50", "and",       "it",    "gives", "forty", "words",  "instead.",
};
static_assert(std::size(kGreeting) == 24);

constexpr uint64_t kSentence = 12;   // words
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

Text::Text() : total_(std::size(kGreeting)), greeting_(true) {}

void Text::append(std::string& out, uint64_t first, uint64_t count) const {
  for (uint64_t i = first; i < first + count && i < total_; ++i) {
    if (greeting_) {
      if (i > 0) out += ' ';
      out.append(kGreeting[i]);
      continue;
    }
    if (i > 0) out.append(i % kParagraph == 0 ? "\n\n" : " ");
    const size_t start = out.size();
    out.append(kWords[mix(seed_ + i) % std::size(kWords)]);
    char& initial = out[start];
    if (i % kSentence == 0 && initial >= 'a' && initial <= 'z') {
      initial = static_cast<char>(initial - 'a' + 'A');
    }
    if (i % kSentence == kSentence - 1 || i + 1 == total_) out += '.';
  }
}

}  // namespace sluice::mock
