#include "base/ids.hpp"

#include <sys/random.h>

#include <random>

namespace sluice {

uint64_t random_u64() {
  thread_local std::mt19937_64 generator = [] {
    uint64_t seed[4] = {};
    [[maybe_unused]] const ssize_t got = getrandom(seed, sizeof seed, 0);
    std::seed_seq sequence(seed, seed + 4);
    return std::mt19937_64(sequence);
  }();
  return generator();
}

namespace {

constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";

}  // namespace

std::string make_ordered_id(std::string_view prefix, int64_t unix_millis) {
  char time[9];
  auto rest = static_cast<uint64_t>(unix_millis);
  for (int i = 8; i >= 0; --i, rest /= kAlphabet.size())
    time[i] = kAlphabet[rest % kAlphabet.size()];
  std::string id(prefix);
  id.reserve(prefix.size() + 25);
  id.append(time, sizeof time);
  for (int half = 0; half < 2; ++half) {
    uint64_t bits = random_u64();
    for (int i = 0; i < 8; ++i, bits /= kAlphabet.size()) id += kAlphabet[bits % kAlphabet.size()];
  }
  return id;
}

std::string make_id(std::string_view prefix) {
  std::string id(prefix);
  id.reserve(prefix.size() + 24);
  for (int half = 0; half < 2; ++half) {
    uint64_t bits = random_u64();
    for (int i = 0; i < 12; ++i, bits /= kAlphabet.size()) id += kAlphabet[bits % kAlphabet.size()];
  }
  return id;
}

std::string random_hex(size_t bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes * 2);
  while (hex.size() < bytes * 2) {
    uint64_t bits = random_u64();
    for (int i = 0; i < 16 && hex.size() < bytes * 2; ++i, bits >>= 4) hex += kDigits[bits & 15];
  }
  return hex;
}

}  // namespace sluice
