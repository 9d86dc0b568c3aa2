// Shows a client that its stream lives while there is nothing for it from the upstream.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "base/clock.hpp"
#include "dialect/dialect.hpp"
#include "net/http_call.hpp"
#include "net/loop.hpp"

namespace sluice::relay {

/// A timer beside the chain of coroutines that makes the answer: whatever that waits for (a
/// connection, a pause before another try, the upstream's next event), a client that has got
/// nothing for so long gets a frame that its library skips. Between two events only, since whole
/// events are pushed at once. While bytes flow the timer is only moved.
///
/// Where there is no answer yet the response's head goes out first. That decides only the status:
/// targets are tried further, and what is wrong in the end is told in the stream.
class KeepAlive final : private net::Timer {
 public:
  /// Who knows what a head says.
  class Opener {
   public:
    virtual ~Opener() = default;
    /// The head of a stream whose answer has not begun; nullopt: it must wait for that.
    virtual std::optional<net::HeaderList> early_head() = 0;
  };

  /// Both outlive it.
  KeepAlive(net::HttpCall& call, Opener& opener, dialect::Dialect client);

  /// From now on no silence is longer than `interval`; zero: never mind.
  void start(Duration interval);

  /// The attempt that runs passes its bytes unchanged, as far as is known.
  void note_unchanged() {
    converted_ = false;
    dropped_.clear();
  }
  /// It converts the stream; what the request has lost by that, for x-sluice-dropped of an early
  /// head.
  void note_converted(std::string dropped) {
    converted_ = true;
    dropped_ = std::move(dropped);
  }
  bool converted() const { return converted_; }

  /// The head has gone out, and of the answer nothing.
  bool opened() const { return opened_; }
  /// What follows is the answer.
  void answer_begins() { opened_ = false; }

 private:
  void fire() override;
  void beat();

  net::HttpCall& call_;
  Opener& opener_;
  dialect::Dialect client_;
  Duration interval_{};
  std::string dropped_;
  bool converted_ = false;
  bool opened_ = false;
};

}  // namespace sluice::relay
