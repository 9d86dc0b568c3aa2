// The text of scripted answers: looks like language, and is the same whenever it is asked for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::mock {

/// Scrambles a number; equal inputs give equal results in every process.
uint64_t mix(uint64_t value);
/// A seed from text.
uint64_t seed_of(std::string_view text);
/// Appends `count` characters of [0-9A-Za-z] that follow from `seed`.
void append_token(std::string& out, uint64_t seed, size_t count);

/// Each of its words is one token of o200k_base, by itself and as a part of the text: however the
/// text is cut between words, its beginning has as many tokens as words. A full stop is a word.
class Text {
 public:
  /// `total` words that follow from `seed`: sentences, paragraphs, some words beyond ASCII.
  Text(uint64_t seed, uint64_t total) : seed_(seed), total_(total) {}
  /// The 24 words that greet whoever asks for a real model's name.
  static Text greeting();
  /// A JSON object in a code fence, as models put it that were asked for JSON alone.
  static Text fenced_json();

  uint64_t size() const { return total_; }
  /// Appends words [first, first + count) with the white space that belongs to them.
  void append(std::string& out, uint64_t first, uint64_t count) const;

 private:
  explicit Text(std::span<const std::string_view> words) : total_(words.size()), fixed_(words) {}
  uint64_t seed_ = 0;
  uint64_t total_;
  std::span<const std::string_view> fixed_;  // the words, where no seed makes them
};

}  // namespace sluice::mock
