#include "http/sse.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace sluice::http {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
// Memory of joined data lines that is kept for the next event that needs it.
constexpr size_t kKeptCapacity = 2048;

const char* find_or_end(const char* begin, const char* end, char wanted) {
  if (begin == end) return end;
  const void* found = std::memchr(begin, wanted, static_cast<size_t>(end - begin));
  return found == nullptr ? end : static_cast<const char*>(found);
}

// First CR or LF of [begin, end), or end. `cr` is the first CR at or after an earlier `begin` of
// the same bytes: streams without CR are searched for one once, not once a line.
const char* find_line_end(const char* begin, const char* end, const char*& cr) {
  if (cr < begin) cr = find_or_end(begin, end, '\r');
  return find_or_end(begin, cr, '\n');
}

const char* behind_line_end(const char* line_end, const char* end) {
  const char* next = line_end + 1;
  return *line_end == '\r' && next != end && *next == '\n' ? next + 1 : next;
}

// Length up to and with the first blank line, 0 when there is none. `at_line_start` and
// `after_cr` tell what came before these bytes.
size_t find_blank_line(std::string_view bytes, bool at_line_start, bool after_cr, const char*& cr) {
  const char* const end = bytes.data() + bytes.size();
  const char* line = bytes.data();
  if (after_cr && *line == '\n') ++line;
  while (line != end) {
    const char* const line_end = find_line_end(line, end, cr);
    if (line_end == end) return 0;
    const char* const next = behind_line_end(line_end, end);
    if (line_end == line && at_line_start) return static_cast<size_t>(next - bytes.data());
    at_line_start = true;
    line = next;
  }
  return 0;
}

void release(std::string& text) { std::string().swap(text); }

}  // namespace

void SseReader::feed(std::string_view bytes) {
  assert(input_.empty());
  if (overflowed_) return;
  input_ = bytes;
  next_cr_ = find_or_end(bytes.data(), bytes.data() + bytes.size(), '\r');
}

std::optional<SseEvent> SseReader::next() {
  if (carry_taken_) {
    release(carry_);
    carry_taken_ = false;
  }
  if (joined_.capacity() > kKeptCapacity) release(joined_);
  if (!carry_.empty()) move_byte_order_mark();
  if (overflowed_ || input_.empty()) return std::nullopt;

  std::optional<SseEvent> event(std::in_place);
  if (carry_.empty()) {
    const size_t size = parse(input_, false, next_cr_, *event);
    if (size == 0) {
      carry_on();
      return std::nullopt;
    }
    input_.remove_prefix(size);
  } else {
    const bool after_cr = carry_.back() == '\r';
    const bool at_line_start =
        after_cr || carry_.back() == '\n' || carry_.size() == prefix_size(carry_);
    const size_t size = find_blank_line(input_, at_line_start, after_cr, next_cr_);
    if (size == 0) {
      carry_on();
      return std::nullopt;
    }
    append_to_carry(input_.substr(0, size));
    input_.remove_prefix(size);
    const char* cr = find_or_end(carry_.data(), carry_.data() + carry_.size(), '\r');
    parse(carry_, false, cr, *event);
    carry_taken_ = true;
  }
  if (overflowed_) return std::nullopt;
  return event;
}

std::optional<SseEvent> SseReader::finish() {
  if (overflowed_ || carry_taken_ || carry_.empty()) return std::nullopt;
  std::optional<SseEvent> event(std::in_place);
  const char* cr = find_or_end(carry_.data(), carry_.data() + carry_.size(), '\r');
  parse(carry_, true, cr, *event);
  if (!event->has_data && event->event.empty() && event->id.empty()) return std::nullopt;
  carry_taken_ = true;
  return event;
}

size_t SseReader::parse(std::string_view bytes, bool at_end, const char*& cr, SseEvent& event) {
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* line = begin + prefix_size(bytes);
  while (line != end) {
    const char* const line_end = find_line_end(line, end, cr);
    if (line_end == line) {
      const char* const next = behind_line_end(line_end, end);
      if (too_large(bytes, static_cast<size_t>(line_end + 1 - begin))) return 0;
      started_ = true;
      skip_lf_ = next == end && next[-1] == '\r';
      event.raw = {begin, next};
      return event.raw.size();
    }
    if (line_end == end && !at_end) return 0;
    take_line({line, line_end}, event);
    line = line_end == end ? end : behind_line_end(line_end, end);
  }
  if (!at_end) return 0;
  event.raw = bytes;
  return bytes.size();
}

void SseReader::take_line(std::string_view line, SseEvent& event) {
  // The value of the line if its field has that name; nullptr in data() when it has not.
  const auto value_of = [line](std::string_view name) -> std::string_view {
    if (!line.starts_with(name)) return {};
    std::string_view value = line.substr(name.size());
    if (value.empty()) return value;
    if (value.front() != ':') return {};
    value.remove_prefix(1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    return value;
  };
  switch (line.front()) {
    case 'd':
      if (const auto value = value_of("data"); value.data() != nullptr) add_data(value, event);
      break;
    case 'e':
      if (const auto value = value_of("event"); value.data() != nullptr) event.event = value;
      break;
    case 'i':
      // The standard ignores an id with a NUL in it.
      if (const auto value = value_of("id");
          value.data() != nullptr && value.find('\0') == std::string_view::npos)
        event.id = value;
      break;
    default:
      break;
  }
}

void SseReader::add_data(std::string_view value, SseEvent& event) {
  if (!event.has_data) {
    event.has_data = true;
    event.data = value;
    return;
  }
  const bool second_line = event.data.data() != joined_.data();
  if (second_line) joined_.clear();
  joined_.reserve(joined_.size() + event.data.size() + 1 + value.size() + kSlack);
  if (second_line) joined_ = event.data;
  joined_ += '\n';
  joined_ += value;
  event.data = joined_;
}

size_t SseReader::prefix_size(std::string_view bytes) const {
  if (skip_lf_) return bytes.starts_with('\n') ? 1 : 0;
  return !started_ && bytes.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
}

// Completes a byte order mark of which carry_ holds the beginning.
void SseReader::move_byte_order_mark() {
  while (!started_ && !input_.empty() && carry_.size() < kByteOrderMark.size() &&
         kByteOrderMark.starts_with(carry_)) {
    carry_ += input_.front();
    input_.remove_prefix(1);
  }
}

// Keeps what is left of the input as part of the unfinished event.
void SseReader::carry_on() {
  const std::string_view first = carry_.empty() ? input_ : std::string_view(carry_);
  if (too_large(first, carry_.size() + input_.size())) return;
  append_to_carry(input_);
  input_ = {};
}

void SseReader::append_to_carry(std::string_view bytes) {
  carry_.reserve(carry_.size() + bytes.size() + kSlack);
  carry_ += bytes;
}

// Whether `size` bytes of an event that starts with `first_bytes` are too many. What belongs to
// the CRLF of the event before does not count, so that a split does not decide.
bool SseReader::too_large(std::string_view first_bytes, size_t size) {
  if (skip_lf_ && first_bytes.starts_with('\n')) --size;
  if (size <= max_event_bytes_) return false;
  overflowed_ = true;
  input_ = {};
  release(carry_);
  return true;
}

void append_sse(std::string& out, std::string_view event, std::string_view data,
                std::string_view id) {
  const auto field = [&out](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += name;
    out += value.substr(0, value.find_first_of("\r\n"));
    out += '\n';
  };
  field("event: ", event);
  field("id: ", id);
  const char* line = data.data();
  const char* const end = line + data.size();
  const char* cr = find_or_end(line, end, '\r');
  for (;;) {
    const char* const line_end = find_line_end(line, end, cr);
    out += "data: ";
    out.append(line, line_end);
    out += '\n';
    if (line_end == end) break;
    line = behind_line_end(line_end, end);
  }
  out += '\n';
}

}  // namespace sluice::http
