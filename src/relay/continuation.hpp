// Asks an upstream that has paused its turn to go on (Anthropic's pause_turn).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sluice::relay {

/// What a request is asked again with: its body, kept while the loop has room for it, and all that
/// the model has said.
class Continuation {
 public:
  /// `kept` counts the bytes that a loop keeps so; outlives this.
  explicit Continuation(size_t& kept) : kept_(kept) {}
  ~Continuation() { forget(); }
  Continuation(const Continuation&) = delete;
  Continuation& operator=(const Continuation&) = delete;

  /// The body of a request to Anthropic's Messages that has been sent.
  void keep(std::string_view body);
  /// Nothing more will be asked.
  void forget();
  /// A body is there, and the upstream has not paused too often.
  bool possible() const { return !body_.empty() && asked_ < kMost; }
  bool went_on() const { return asked_ > 0; }
  /// The body that asks to go on after `blocks`, which are JSON separated by commas; empty when
  /// there is none.
  std::string next(std::string_view blocks);

 private:
  static constexpr int kMost = 5;
  static constexpr size_t kRoom = size_t{32} << 20;

  size_t& kept_;
  std::string body_;
  size_t messages_end_ = 0;  // in body_: where the client's messages end
  int asked_ = 0;
};

}  // namespace sluice::relay
