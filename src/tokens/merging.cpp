#include "tokens/merging.hpp"

#include <algorithm>
#include <limits>

#include "tokens/work.hpp"

namespace sluice::tokens {

namespace {

// "Does not merge", which is above all that do.
constexpr uint64_t kNoPair = std::numeric_limits<uint64_t>::max();
constexpr unsigned kPlaceBits = 7;
static_assert(Merging::kMostParts == 1U << kPlaceBits);

bool is_ascii(char byte) { return static_cast<signed char>(byte) >= 0; }

}  // namespace

Start start_of(const Vocabulary& vocabulary, std::string_view text, char before) {
  if (!is_ascii(text[0]) && !is_ascii(before)) {
    const uint32_t token = vocabulary.of_whole_character(text);
    const bool is_short = static_cast<uint8_t>(text[0]) < 0xe0;
    if (token != kNoToken) return {token, static_cast<uint8_t>(is_short ? 2 : 3)};
    const uint32_t lead = vocabulary.of_lead(text);
    if (lead != kNoToken) return {lead, 2};
  }
  return {vocabulary.of_byte(text[0]), 1};
}

Merging::Merging(const Vocabulary& vocabulary, std::string_view text)
    : vocabulary_(&vocabulary), text_(text) {
  pairs_.fill(kNoPair);
  Start last{};
  char before = '\x80';
  size_t at = 0;
  for (; at < text.size() && parts_ < kMostParts; at += last.size) {
    const Start next = start_of(vocabulary, text.substr(at), before);
    if (parts_ > 0) {
      const bool are_bytes = last.size == 1 && next.size == 1;
      pairs_[parts_ - 1] =
          pair_at(parts_ - 1, are_bytes ? vocabulary.merged(before, text[at])
                                        : vocabulary.merged(last.token, next.token));
      next_[parts_ - 1] = static_cast<uint8_t>(parts_);
      prev_[parts_] = static_cast<uint8_t>(parts_ - 1);
    }
    tokens_[parts_] = next.token;
    borders_[parts_++] = static_cast<uint16_t>(at);
    last = next;
    before = text[at + next.size - 1];
  }
  next_[parts_ - 1] = kMostParts;
  prev_[kMostParts] = static_cast<uint8_t>(parts_ - 1);
  borders_[parts_] = static_cast<uint16_t>(at);
  count_ = parts_;
  work_done += parts_;
}

// What the two make, as a word of pairs_.
uint64_t Merging::pair_at(size_t place, uint32_t token) {
  return token == kNoToken ? kNoPair : uint64_t{token} << kPlaceBits | place;
}

uint64_t Merging::least_pair() const {
  // Four at a time, and in words so wide that no vectors are made of them, which would have to
  // wait for what was written a moment ago.
  std::array<uint64_t, 4> least = {pairs_[0], pairs_[1], pairs_[2], pairs_[3]};
  for (size_t i = 4; i < parts_; i += 4) {
    for (size_t k = 0; k < 4; ++k) least[k] = std::min(least[k], pairs_[i + k]);
  }
  return std::min(std::min(least[0], least[1]), std::min(least[2], least[3]));
}

size_t Merging::merge() {
  uint64_t best = least_pair();
  while (best != kNoPair) {
    const size_t at = best % kMostParts;
    const auto token = static_cast<uint32_t>(best >> kPlaceBits);
    const size_t gone = next_[at];
    const size_t behind = next_[gone];
    const size_t before = at > 0 ? prev_[at] : at;
    tokens_[at] = token;
    next_[at] = static_cast<uint8_t>(behind);
    prev_[behind] = static_cast<uint8_t>(at);
    --count_;
    work_done += 2;
    pairs_[gone] = kNoPair;
    pairs_[before] = kNoPair;
    pairs_[at] = kNoPair;
    uint64_t left = kNoPair;
    if (at > 0) left = pair_at(before, vocabulary_->merged(tokens_[before], token));
    if (behind == kMostParts) {
      best = std::min(least_pair(), left);
      pairs_[before] = left;
    } else if (pairs_[behind] >> kPlaceBits == token) {
      // In a run: what a merge makes is above it in rank, and so are the pairs that this makes
      // with its neighbours, so that the next merge is this one.
      best = pairs_[behind];
      pairs_[before] = left;
    } else {
      const uint64_t right = pair_at(at, vocabulary_->merged(token, tokens_[behind]));
      // While the tables are looked up, which takes longer, the least of the others is found.
      best = std::min(std::min(least_pair(), left), right);
      pairs_[before] = left;
      pairs_[at] = right;
    }
  }
  return count_;
}

void Merging::append_to(std::vector<uint32_t>& tokens) const {
  for (size_t at = 0; at < kMostParts; at = next_[at]) tokens.push_back(tokens_[at]);
}

// With more text, the last border that lies in this one is followed by a token that goes on
// behind it. A border b between tokens stays if none of those tokens can begin before b, and if
// for every place behind b, at which one can, the text up to there has a border at b: its tokens
// are those before b and those of the rest alone, unless the first of the rest does not stand
// beside the last before b.
Merging::Settled Merging::settled() const {
  const size_t end = size();
  size_t part = parts_;
  for (size_t i = parts_; i-- > 0 && end - borders_[i] < kMaxTokenBytes;) {
    if (vocabulary_->reach(text_.substr(borders_[i], end - borders_[i])) > end - borders_[i]) {
      part = i;
    }
    ++work_done;
  }
  const size_t most = std::min<size_t>(borders_[part], end - 1);
  size_t behind = kMostParts;
  size_t tokens = count_;
  for (int tries = 0; tries < 6; ++tries) {
    do {
      behind = prev_[behind];
      --tokens;
    } while (borders_[behind] > most);
    if (behind == 0) break;
    if (stays(tokens_[prev_[behind]], behind)) return {borders_[behind], tokens};
  }
  return {};
}

// Whether the token before that part stands beside all that the text from there may begin with.
bool Merging::stays(uint32_t before, size_t part) const {
  const std::string_view rest = text_.substr(borders_[part], size() - borders_[part]);
  if ((static_cast<uint8_t>(rest.front()) & 0xc0) == 0x80) return false;
  const size_t most = vocabulary_->reach(rest);
  for (size_t i = part + 1; i <= parts_; ++i) {
    const size_t bytes = borders_[i] - size_t{borders_[part]};
    if (bytes > most) break;
    ++work_done;
    const uint32_t token = vocabulary_->find(rest.substr(0, bytes));
    if (token != kNoToken && !vocabulary_->stand_beside(before, token)) return false;
  }
  return true;
}

}  // namespace sluice::tokens
