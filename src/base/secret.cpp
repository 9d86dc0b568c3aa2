#include "base/secret.hpp"

#include <cstring>

namespace sluice {

Secret::~Secret() {
  if (!value_.empty()) explicit_bzero(value_.data(), value_.size());
}

std::string Secret::redacted() const {
  const size_t shown = value_.size() >= 12 ? 6 : value_.size() / 3;
  return value_.substr(0, shown) + "...";
}

bool Secret::equals(std::string_view candidate) const {
  if (candidate.size() != value_.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < candidate.size(); ++i) {
    difference |= static_cast<unsigned char>(candidate[i] ^ value_[i]);
  }
  return difference == 0;
}

}  // namespace sluice
