#include "mock/seals.hpp"

#include "mock/words.hpp"

namespace sluice::mock {

namespace {

/// As Fernet tokens begin, which is what encrypted reasoning looks like.
constexpr std::string_view kOpening = "gAAAAAB";
/// Characters behind the subject; real ones are of that order.
constexpr size_t kProof = 220;
constexpr uint64_t kSecret = 0x7365616c;

std::string proof_of(std::string_view subject) {
  std::string proof;
  append_token(proof, mix(seed_of(subject) ^ kSecret), kProof);
  return proof;
}

}  // namespace

void append_seal(std::string& out, std::string_view subject) {
  out.append(kOpening).append(subject).append(proof_of(subject));
}

std::optional<std::string_view> unseal(std::string_view text) {
  if (!text.starts_with(kOpening) || text.size() < kOpening.size() + kProof) return std::nullopt;
  text.remove_prefix(kOpening.size());
  const std::string_view subject = text.substr(0, text.size() - kProof);
  if (text.substr(subject.size()) != proof_of(subject)) return std::nullopt;
  return subject;
}

}  // namespace sluice::mock
