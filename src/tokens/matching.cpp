#include "tokens/matching.hpp"

#include <algorithm>

#include "tokens/bpe.hpp"
#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

using Prefixes = std::array<Vocabulary::Prefix, kMaxTokenBytes + 1>;

bool is_continuation(char byte) { return (static_cast<uint8_t>(byte) & 0xc0) == 0x80; }

}  // namespace

Matching::Matching(const Vocabulary& vocabulary, std::string_view text)
    : vocabulary_(&vocabulary), text_(text.substr(0, kMostBytes)) {
  match();
}

void Matching::match() {
  // For each token the shorter ones that were not tried, and behind them what is tried now.
  std::array<Vocabulary::Prefix, kMostBytes + kMaxTokenBytes + 1> prefixes;
  std::array<uint16_t, kMostBytes> firsts;  // of those of each token
  size_t first = 0;
  size_t behind = vocabulary_->prefixes(text_, prefixes.data());
  size_t at = 0;
  work_done += text_.size();
  while (at != text_.size()) {
    if (behind == first) {
      // There always is a token before: nothing stands before the first one.
      given_up_[at] = true;
      behind = first;
      at = borders_[--count_];
      first = firsts[count_];
      continue;
    }
    const Vocabulary::Prefix next = prefixes[--behind];
    if (given_up_[at + next.size]) continue;
    if (count_ > 0 && !vocabulary_->stand_beside(tokens_[count_ - 1], next.token)) continue;
    firsts[count_] = static_cast<uint16_t>(first);
    borders_[count_] = static_cast<uint16_t>(at);
    tokens_[count_++] = next.token;
    at += next.size;
    first = behind;
    behind += vocabulary_->prefixes(text_.substr(at), prefixes.data() + first);
  }
  borders_[count_] = static_cast<uint16_t>(at);
}

void Matching::append_to(std::vector<uint32_t>& tokens) const {
  tokens.insert(tokens.end(), tokens_.begin(), tokens_.begin() + static_cast<ptrdiff_t>(count_));
}

// Whether no token can begin or end there, as the character merges first in any case.
bool Matching::is_inside_character(size_t at) const {
  size_t lead = at;
  while (lead > 0 && at - lead < 2 && is_continuation(text_[lead])) --lead;
  if (lead == at) return false;
  const char before = lead == 0 ? '\x80' : text_[lead - 1];
  return lead + start_of(*vocabulary_, text_.substr(lead), before).size > at;
}

// The first place where a token may begin that goes on behind the end.
size_t Matching::first_that_may_go_on() const {
  const size_t end = text_.size();
  for (size_t at = end > kMaxTokenBytes ? end - kMaxTokenBytes : 0; at < end; ++at) {
    if (vocabulary_->reach(text_[at]) <= end - at) continue;
    ++work_done;
    if (vocabulary_->reach(text_.substr(at)) > end - at && !is_inside_character(at)) return at;
  }
  return end;
}

// With more text, the last border that lies in this one is followed by a token that goes on
// behind it. A border b between tokens stays if none of those tokens can begin before b, and if
// for every place behind b, at which one can, the text up to there has a border at b: its tokens
// are those before b and those of the rest alone, unless the first of the rest does not stand
// beside the last before b.
Matching::Settled Matching::settled() const {
  const size_t most = std::min(first_that_may_go_on(), size() - 1);
  size_t token = count_;
  do {
    --token;
  } while (borders_[token] > most);
  for (int tries = 0; tries < 6 && token > 0; ++tries, --token) {
    if (stays(tokens_[token - 1], borders_[token])) return {borders_[token], token};
  }
  return {};
}

// Whether the token before the border stands beside all that the text from there may begin with.
bool Matching::stays(uint32_t before, size_t border) const {
  if (is_continuation(text_[border])) return false;
  Prefixes prefixes;
  const std::string_view rest = text_.substr(border);
  const size_t count = vocabulary_->prefixes(rest, prefixes.data());
  work_done += count + 1;
  for (size_t i = 0; i < count; ++i) {
    const size_t behind = border + prefixes[i].size;
    if (behind < text_.size() && is_continuation(text_[behind]) && is_inside_character(behind)) {
      continue;
    }
    if (!vocabulary_->stand_beside(before, prefixes[i].token)) return false;
  }
  return true;
}

}  // namespace sluice::tokens
