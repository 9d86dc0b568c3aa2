#include "crypto/random.hpp"

#include <openssl/rand.h>

#include "crypto/digest.hpp"

namespace sluice::crypto {

Result<std::string> random_bytes(size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    return fail(ErrorCode::kInternal, "the system gives no random numbers");
  }
  return bytes;
}

Result<std::string> random_token(std::string_view prefix, size_t bytes) {
  auto random = random_bytes(bytes);
  if (!random) return random;
  return std::string(prefix) + base64url(*random);
}

}  // namespace sluice::crypto
