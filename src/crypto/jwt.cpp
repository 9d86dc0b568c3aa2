#include "crypto/jwt.hpp"

#include <optional>

#include "crypto/digest.hpp"
#include "json/reader.hpp"
#include "json/writer.hpp"

namespace sluice::crypto {

namespace {

// Tokens are made and read by gateways alone, whose clocks may differ a little.
constexpr int64_t kClockSkew = 30;

std::string signature_of(std::string_view signed_part, const Secret& secret) {
  const Digest digest = hmac_sha256(secret.expose(), signed_part);
  return base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::unexpected<Error> refuse() {
  return fail(ErrorCode::kInvalidApiKey, "The token is not valid, or has expired.");
}

struct Header {
  bool hs256 = false;
  std::string kid;
};

std::optional<Header> read_header(std::string_view text) {
  json::Reader reader(text);
  json::String key;
  Header header;
  if (!reader.begin_object()) return std::nullopt;
  while (reader.next_member(key)) {
    const bool text_value = reader.peek() == json::Kind::kString;
    if (key == "alg" && text_value) {
      header.hs256 = reader.string() == "HS256";
    } else if (key == "kid" && text_value) {
      header.kid = reader.string().str();
    } else if (key == "crit") {
      return std::nullopt;  // it demands what nobody here knows
    } else {
      reader.skip();
    }
  }
  if (!reader.finish()) return std::nullopt;
  return header;
}

std::optional<int64_t> whole_number(std::string_view text) {
  if (text.empty() || text.size() > 12) return std::nullopt;
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::optional<Claims> read_claims(std::string_view text) {
  json::Reader reader(text);
  json::String key;
  Claims claims;
  if (!json::valid_utf8(text) || !reader.begin_object()) return std::nullopt;
  while (reader.next_member(key)) {
    if (reader.peek() == json::Kind::kString) {
      const json::String value = reader.string();
      if (key == "sub") claims.subject = value.str();
      if (key == "sid") claims.session = value.str();
      if (key == "role") claims.role = value.str();
      continue;
    }
    const auto number = whole_number(reader.skip());
    if (key == "iat") claims.issued_at = number.value_or(INT64_MAX);
    if (key == "exp") claims.expires_at = number.value_or(0);
  }
  if (!reader.finish()) return std::nullopt;
  return claims;
}

}  // namespace

std::string sign_jwt(const Claims& claims, const SigningKey& key) {
  std::string header;
  json::Writer(header)
      .begin_object()
      .member("alg", "HS256")
      .member("typ", "JWT")
      .member("kid", key.id)
      .end_object();
  std::string body;
  json::Writer(body)
      .begin_object()
      .member("sub", claims.subject)
      .member("sid", claims.session)
      .member("role", claims.role)
      .member("iat", claims.issued_at)
      .member("exp", claims.expires_at)
      .end_object();
  std::string token = base64url(header) + '.' + base64url(body);
  return token + '.' + signature_of(token, key.secret);
}

Result<Claims> verify_jwt(std::string_view token, std::span<const SigningKey> keys, int64_t now) {
  if (token.size() > kMostJwt) return refuse();
  const size_t first = token.find('.');
  const size_t second = token.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return refuse();
  const auto header_text = from_base64url(token.substr(0, first));
  const auto header = header_text ? read_header(*header_text) : std::nullopt;
  if (!header || !header->hs256) return refuse();
  const std::string_view signature = token.substr(second + 1);
  bool known = false;
  for (const SigningKey& key : keys) {
    if (key.id != header->kid || key.secret.empty()) continue;
    known = equal_in_constant_time(signature_of(token.substr(0, second), key.secret), signature);
    if (known) break;
  }
  if (!known) return refuse();
  const auto body = from_base64url(token.substr(first + 1, second - first - 1));
  auto claims = body ? read_claims(*body) : std::nullopt;
  if (!claims || claims->subject.empty() || claims->expires_at <= now ||
      claims->issued_at > now + kClockSkew) {
    return refuse();
  }
  return std::move(*claims);
}

}  // namespace sluice::crypto
