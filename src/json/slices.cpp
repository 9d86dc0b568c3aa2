#include "json/slices.hpp"

#include <charconv>

namespace sluice::json {
namespace {

template <typename Number>
std::optional<Number> parse_whole(std::string_view raw) {
  Number number{};
  const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
  if (error != std::errc{} || end != raw.data() + raw.size()) return std::nullopt;
  return number;
}

}  // namespace

Kind Value::kind() const { return Reader(raw_).peek(); }

bool Value::is_empty() const {
  if (raw_.size() < 2) return false;
  if (raw_.front() == '"') return raw_.size() == 2;
  return (raw_.front() == '{' || raw_.front() == '[') &&
         raw_.find_first_not_of(" \t\r\n", 1) == raw_.size() - 1;
}

std::optional<std::string> Value::as_string() const {
  if (kind() != Kind::kString) return std::nullopt;
  Reader reader(raw_);
  std::string decoded = reader.string().str();
  if (reader.failed()) return std::nullopt;
  return decoded;
}

std::optional<int64_t> Value::as_int() const {
  return kind() == Kind::kNumber ? parse_whole<int64_t>(raw_) : std::nullopt;
}

std::optional<double> Value::as_double() const {
  return kind() == Kind::kNumber ? parse_whole<double>(raw_) : std::nullopt;
}

std::optional<bool> Value::as_bool() const {
  if (raw_ == "true") return true;
  if (raw_ == "false") return false;
  return std::nullopt;
}

Value Value::operator[](std::string_view key) const {
  Value found;
  Members members(raw_);
  Member member;
  while (members.next(member)) {
    if (member.key == key) found = member.value;
  }
  return found;
}

Members::Members(std::string_view object) : text_(object), reader_(object) {
  reader_.begin_object();
}

bool Members::next(Member& member) {
  if (!reader_.next_member(member.key)) return false;
  const std::string_view raw = reader_.skip();
  if (reader_.failed()) return false;
  member.value = Value(raw);
  member.value_offset = static_cast<size_t>(raw.data() - text_.data());
  return true;
}

Elements::Elements(std::string_view array) : reader_(array) { reader_.begin_array(); }

bool Elements::next(Value& element) {
  if (!reader_.next_element()) return false;
  element = Value(reader_.skip());
  return !reader_.failed();
}

}  // namespace sluice::json
