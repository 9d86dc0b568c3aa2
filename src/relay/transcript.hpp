// What a client has got of a streamed answer, and where a second stream of it joins on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/chat/events.hpp"
#include "dialect/output_text.hpp"

namespace sluice::relay {

/// Keeps the texts of an answer block by block, decoded, up to kMost bytes: beyond that what came
/// first is given up, and nothing can be joined to it. Every stream that is watched has one, so it
/// exists only where streams are resumed.
class Transcript final : public dialect::chat::EventSink {
 public:
  static constexpr size_t kMost = size_t{1} << 20;
  static constexpr size_t kMostBlocks = 1024;

  struct Block {
    dialect::chat::BlockKind kind = dialect::chat::BlockKind::kText;
    std::string id;    // of a call, as in JSON
    std::string name;  // of a call, as in JSON
    std::string text;
    std::string signature;  // as in JSON
    bool closed = false;
  };

  void clear();
  /// What the client gets, in order.
  void take(const dialect::chat::Event& event) override;

  /// It is all there, and a second stream can be compared with it.
  bool usable() const { return !lost_; }
  /// Something is in it that events do not tell.
  void spoil() { lost_ = true; }

  bool started() const { return started_; }
  const std::string& id() const { return id_; }        // the upstream's
  const std::string& model() const { return model_; }  // the upstream's
  const std::vector<Block>& blocks() const { return blocks_; }
  /// The last block can take more.
  bool open() const { return !blocks_.empty() && !blocks_.back().closed; }
  /// Texts in it, for a comparison with what else is known to have been said.
  size_t text_bytes() const { return text_bytes_; }
  /// Nothing but text has been said, and something has.
  bool only_text() const;
  /// Of an answer that is only text.
  std::string text() const;

  /// Says all of it again.
  void replay(dialect::chat::EventSink& sink) const;

  /// Texts that were taken since the last call, as output to be counted; views until the next
  /// take(). After recount() all of them again.
  std::span<const dialect::OutputText> fresh();
  void recount() {
    counted_blocks_ = counted_bytes_ = 0;
    named_ = false;
  }

 private:
  bool started_ = false;
  bool lost_ = false;
  std::string id_;
  std::string model_;
  std::vector<Block> blocks_;
  size_t bytes_ = 0;  // kept
  size_t text_bytes_ = 0;
  // What fresh() has handed out: all of the blocks before, and so much of the one behind them.
  size_t counted_blocks_ = 0;
  size_t counted_bytes_ = 0;
  bool named_ = false;  // and the name of that one
  dialect::OutputTexts texts_;
};

/// A text as an event has it.
class Piece {
 public:
  explicit Piece(std::string_view decoded);
  dialect::chat::Event delta(dialect::chat::BlockKind kind) const;

 private:
  std::string encoded_;
};

/// Lets a second stream of the same answer join on: swallows what the transcript holds already,
/// by what is said and not by how it is cut into events, and passes on what comes behind that.
/// Identifiers of calls and signatures may differ, the first ones stand.
class ReplayMatcher final : public dialect::chat::EventSink {
 public:
  /// `next` takes into the transcript what it gets; both outlive this.
  ReplayMatcher(const Transcript& delivered, dialect::chat::EventSink& next)
      : delivered_(delivered), next_(next) {}

  void take(const dialect::chat::Event& event) override;
  /// The second stream has ended. Whatever it lacked of the first makes it differ.
  void end();
  /// It says something else; nothing is passed on any more.
  bool diverged() const { return diverged_; }

 private:
  bool live() const;
  void start_block(const dialect::chat::Event& event);
  void take_text(const dialect::chat::Event& event);
  void stop_block(const dialect::chat::Event& event);
  /// The block that is compared; there is one.
  const Transcript::Block& expected() const { return delivered_.blocks()[block_]; }
  void close_open();

  const Transcript& delivered_;
  dialect::chat::EventSink& next_;
  size_t block_ = 0;     // in the transcript
  size_t offset_ = 0;    // in its text
  bool inside_ = false;  // the second stream has begun that block
  bool idle_ = false;    // it has begun one without a word that the first had not
  bool signed_ = false;  // the open block, by the first
  bool caught_up_ = false;
  bool diverged_ = false;
  std::string decoded_;
};

/// Lets the stream of a model that was asked to go on with a text join on: drops its start, its
/// thinking, and what it repeats of the text's end.
class Joiner final : public dialect::chat::EventSink {
 public:
  /// A repetition that is shorter may be meant, but for white space.
  static constexpr size_t kLeastOverlap = 12;
  /// And a longer one is not looked for.
  static constexpr size_t kMostOverlap = size_t{64} << 10;

  /// As ReplayMatcher's. The transcript is only text.
  Joiner(const Transcript& delivered, dialect::chat::EventSink& next);

  void take(const dialect::chat::Event& event) override;
  void end();

 private:
  void release();
  void pass(std::string_view text);

  const Transcript& delivered_;
  dialect::chat::EventSink& next_;
  std::string tail_;  // of the delivered text
  std::string held_;  // may yet turn out to be a repetition
  bool joined_ = false;
  bool dropped_ = false;  // the open block
};

/// How many bytes at the beginning of `text` repeat the end of `tail`.
size_t overlap(std::string_view tail, std::string_view text);

}  // namespace sluice::relay
