#include "tokens/stream_counter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "tokens/test_text.hpp"

namespace sluice::tokens {
namespace {

constexpr std::array kAll = {EncodingId::kO200kBase, EncodingId::kCl100kBase, EncodingId::kP50kBase,
                             EncodingId::kR50kBase};

// Feeds the text in pieces of random length up to `most` and compares after each.
void expect_exact_at_every_cut(const Encoding& encoding, std::string_view text, size_t most,
                               std::mt19937_64& random) {
  StreamCounter counter(encoding);
  for (size_t end = 0; end < text.size();) {
    const size_t size = std::min<size_t>(1 + random() % most, text.size() - end);
    counter.add(text.substr(end, size));
    end += size;
    ASSERT_EQ(counter.total(), static_cast<int64_t>(encoding.count(text.substr(0, end))))
        << "after " << end << " bytes of: " << text;
  }
}

TEST(StreamCounter, EqualsTheCountOfTheWholeTextAtEveryCut) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 400; ++round) {
    const std::string text = mixed_text(random, 1 + random() % 600);
    for (const EncodingId id : kAll) {
      for (const size_t most : {1, 5, 64}) {
        expect_exact_at_every_cut(Encoding::get(id), text, most, random);
        if (HasFatalFailure()) return;
      }
    }
  }
}

}  // namespace
}  // namespace sluice::tokens
