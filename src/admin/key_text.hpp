// The text of a new key.
#pragma once

#include "base/error.hpp"
#include "base/secret.hpp"

namespace sluice::admin {

/// "sk-" and 48 letters and digits: 285 random bits of OpenSSL.
Result<Secret> make_key_text();

}  // namespace sluice::admin
