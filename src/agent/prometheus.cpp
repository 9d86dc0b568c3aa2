#include "agent/prometheus.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>

#include "base/text.hpp"

namespace sluice::agent {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Reads one line from its start.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  std::string_view rest() const { return rest_; }
  bool done() const { return rest_.empty(); }
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(char c) {
    if (!at(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// True when there was some.
  bool space() {
    const size_t before = rest_.size();
    while (at(' ') || at('\t')) rest_.remove_prefix(1);
    return rest_.size() < before;
  }
  /// Of a metric, which may hold colons, or of a label. Empty: there is none.
  std::string_view name(bool colons) {
    size_t end = 0;
    while (end < rest_.size() && (is_letter(rest_[end]) || (colons && rest_[end] == ':') ||
                                  (end > 0 && is_digit(rest_[end])))) {
      ++end;
    }
    return cut(end);
  }
  /// What is between quotes, escapes and all; nullopt: no such string.
  std::optional<std::string_view> quoted() {
    if (!take('"')) return std::nullopt;
    size_t end = 0;
    for (; end < rest_.size() && rest_[end] != '"'; ++end) {
      if (rest_[end] != '\\') continue;
      ++end;
      if (end == rest_.size() || (rest_[end] != '\\' && rest_[end] != '"' && rest_[end] != 'n')) {
        return std::nullopt;
      }
    }
    const std::string_view inner = cut(end);
    if (!take('"')) return std::nullopt;
    return inner;
  }
  std::string_view word() { return cut(std::min(rest_.find_first_of(" \t"), rest_.size())); }

 private:
  std::string_view cut(size_t size) {
    const std::string_view head = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return head;
  }
  std::string_view rest_;
};

struct Label {
  std::string_view name;
  std::string_view value;  // escaped
};

/// The next of a list, after its comma. `found` is false at the end; the result is false where
/// the text is no list of labels.
bool next_label(Cursor& cursor, char end, bool& first, Label& label, bool& found) {
  found = false;
  cursor.space();
  const auto ended = [&] { return end == '\0' ? cursor.done() : cursor.at(end); };
  if (ended()) return true;
  if (!first) {
    if (!cursor.take(',')) return false;
    cursor.space();
    if (ended()) return true;
  }
  first = false;
  label.name = cursor.name(false);
  if (label.name.empty()) return false;
  cursor.space();
  if (!cursor.take('=')) return false;
  cursor.space();
  const auto value = cursor.quoted();
  if (!value) return false;
  label.value = *value;
  found = true;
  return true;
}

std::string unescape(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
    } else {
      ++i;
      plain += text[i] == 'n' ? '\n' : text[i];
    }
  }
  return plain;
}

bool parse_value(std::string_view text, double& value) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return false;
  }
  // "nan(...)" is C's, not the format's.
  if (text.empty() || text.contains('(')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return false;
  // Beyond the range of doubles is still a number.
  if (error == std::errc::result_out_of_range) value = HUGE_VAL;
  return error == std::errc() || error == std::errc::result_out_of_range;
}

bool parse_timestamp(std::string_view text) {
  int64_t millis = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), millis);
  return error == std::errc() && end == text.data() + text.size();
}

bool parse_line(std::string_view line, Sample& sample) {
  Cursor cursor(line);
  cursor.space();
  sample = {};
  sample.name = cursor.name(true);
  if (sample.name.empty()) return false;
  bool spaced = cursor.space();
  if (cursor.take('{')) {
    const std::string_view begin = cursor.rest();
    bool first = true;
    bool found = true;
    Label label;
    while (found) {
      if (!next_label(cursor, '}', first, label, found)) return false;
    }
    sample.labels = begin.substr(0, begin.size() - cursor.rest().size());
    if (!cursor.take('}')) return false;
    cursor.space();
    spaced = true;
  }
  if (!spaced || !parse_value(cursor.word(), sample.value)) return false;
  cursor.space();
  if (!cursor.done() && !parse_timestamp(cursor.word())) return false;
  cursor.space();
  return cursor.done();
}

}  // namespace

std::string Sample::label(std::string_view wanted) const {
  Cursor cursor(labels);
  bool first = true;
  bool found = true;
  Label label;
  while (next_label(cursor, '\0', first, label, found) && found) {
    if (label.name == wanted) return unescape(label.value);
  }
  return {};
}

bool PageReader::next(Sample& sample) {
  while (!bad_ && !rest_.empty()) {
    const size_t end = std::min(rest_.find('\n'), rest_.size());
    const std::string_view line = rest_.substr(0, end);
    ++line_;
    const std::string_view text = trim(line);
    if (!text.empty() && text.front() != '#') {
      bad_ = line.size() > kMaxLine || !parse_line(line, sample);
      if (bad_) return false;
    }
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (!text.empty() && text.front() != '#') return true;
  }
  return false;
}

void Ranks::add(std::string_view rank, double value) {
  if (!std::isfinite(value) || value < 0) return;
  const auto found = values_.find(rank);
  if (found != values_.end()) {
    found->second = std::max(found->second, value);
  } else if (values_.size() < kMost) {
    values_.emplace(rank, value);
  }
}

std::optional<double> Ranks::sum() const {
  if (values_.empty()) return std::nullopt;
  double sum = 0;
  for (const auto& [rank, value] : values_) sum += value;
  return sum;
}

std::optional<double> Ranks::mean() const {
  if (values_.empty()) return std::nullopt;
  return *sum() / static_cast<double>(values_.size());
}

}  // namespace sluice::agent
