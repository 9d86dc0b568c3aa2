// Server-sent events (WHATWG HTML, section 9.2), read and written without I/O.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::http {

/// One event as it stood in the stream.
struct SseEvent {
  /// Every byte of it, the blank line included. The raw parts of all events of a stream, with
  /// remainder() at its end, are exactly the bytes that were fed.
  std::string_view raw;
  std::string_view event;  // value of the last `event` field; empty when absent
  std::string_view data;   // `data` lines joined with LF
  std::string_view id;     // value of the last `id` field of this event
  bool has_data = false;   // false: only comments, or fields other than data
};

/// Splits a byte stream into events, the same for every split of the bytes: CRLF, LF and CR,
/// a byte order mark, comments, fields without a colon.
///
///   SseReader reader;
///   reader.feed(received);
///   while (auto event = reader.next()) { ... }
///   if (reader.overflowed()) ...
///
/// Events that lie whole in one feed are views into it and cost no allocation; only the tail of
/// an unfinished event is kept, and its memory given back when the event is complete. `data` has
/// at least kSlack readable bytes behind it, provided that what is fed has; views live until the
/// next call of feed(), next() or finish(). An event is handed out as soon as its blank line is
/// seen: a CR at the end of the input counts, and an LF that follows it later opens the next raw
/// part. A blank line with nothing before it comes out too, as an event without data, so that a
/// relay can pass it on at once.
class SseReader {
 public:
  static constexpr size_t kSlack = 64;

  explicit SseReader(size_t max_event_bytes = 16 * 1024 * 1024)
      : max_event_bytes_(max_event_bytes) {}

  /// Takes the next bytes. All events of the bytes fed before must have been taken; the bytes
  /// must stay valid until next() has returned nullopt.
  void feed(std::string_view bytes);
  std::optional<SseEvent> next();

  /// An event grew beyond the limit: nothing more will come out, and its bytes are dropped.
  bool overflowed() const { return overflowed_; }

  /// Bytes of the unfinished event at the end of the stream; to be asked for after next() has
  /// returned nullopt.
  std::string_view remainder() const { return carry_taken_ ? std::string_view{} : carry_; }
  /// The unfinished event as if a blank line had followed, for streams that end without one;
  /// nullopt when it has neither data nor an event name nor an id. Its raw part is what was the
  /// remainder. Ends the stream.
  std::optional<SseEvent> finish();

 private:
  // Parses the event at the start of `bytes`: its length, or 0 when its blank line is not there;
  // with `at_end`, the end of the bytes counts as one. `cr` is a place at or before the next CR
  // from which on none has been looked for, see find_line_end().
  size_t parse(std::string_view bytes, bool at_end, const char*& cr, SseEvent& event);
  void take_line(std::string_view line, SseEvent& event);
  void add_data(std::string_view value, SseEvent& event);
  // Bytes before the first line of the event that starts with `bytes`: a byte order mark, or the
  // LF of the CRLF whose CR ended the event before.
  size_t prefix_size(std::string_view bytes) const;
  void move_byte_order_mark();
  void carry_on();
  void append_to_carry(std::string_view bytes);
  bool too_large(std::string_view first_bytes, size_t size);

  size_t max_event_bytes_;
  bool overflowed_ = false;
  bool started_ = false;           // past the place where a byte order mark may stand
  bool skip_lf_ = false;           // the last event ended with a CR at the end of what was fed
  bool carry_taken_ = false;       // carry_ holds an event that was handed out
  std::string_view input_;         // what is left of the bytes fed
  const char* next_cr_ = nullptr;  // in input_, for find_line_end()
  std::string carry_;              // the unfinished event, when it began in an earlier feed
  std::string joined_;             // `data` of an event with several data lines
};

/// Appends an event. Line breaks in `data` become further data lines; `event` and `id` are left
/// out when empty, and end at their first line break.
void append_sse(std::string& out, std::string_view event, std::string_view data,
                std::string_view id = {});

}  // namespace sluice::http
