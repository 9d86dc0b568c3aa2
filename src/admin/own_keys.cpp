// API keys, by the users whose they are.
#include "admin/key_fields.hpp"
#include "json/writer.hpp"

namespace sluice::admin {

namespace {

/// Another's is as good as not there.
Result<store::Key> own_key(const Call& call) {
  auto key = call.service.database().api_keys().key(key_id_of(call));
  if (!key) return std::unexpected(key.error());
  if (!*key || (*key)->user_id != call.request.who.user_id) {
    return fail(ErrorCode::kNotFound, "There is no such key.");
  }
  return std::move(**key);
}

Result<Answer> list_keys(const Call& call) {
  const auto limit = call.query.limit();
  if (!limit) return std::unexpected(limit.error());
  const auto after = call.query.number("cursor");
  if (!after) return std::unexpected(after.error());
  auto keys = call.service.database().api_keys().page(
      {.user_id = call.request.who.user_id, .after = *after, .limit = *limit + 1});
  if (!keys) return std::unexpected(keys.error());
  const bool more = keys->size() > static_cast<size_t>(*limit);
  if (more) keys->resize(static_cast<size_t>(*limit));
  Answer answer;
  json::Writer json(answer.body);
  json.begin_object().key("data").begin_array();
  for (const store::Key& key : *keys) {
    json.begin_object();
    write_key(json, key);
    json.end_object();
  }
  json.end_array().key("next_cursor");
  if (more) {
    json.string(std::to_string(keys->back().id));
  } else {
    json.null();
  }
  json.end_object();
  return answer;
}

Result<Answer> create(const Call& call) {
  store::Key key;
  key.user_id = call.request.who.user_id;
  auto name = call.fields.required_text("name", kMaxName);
  if (!name) return std::unexpected(name.error());
  key.name = std::move(*name);
  if (Status read = read_limits(call.fields, key); !read) return std::unexpected(read.error());
  const auto made = make_key(call, std::move(key));
  if (!made) return std::unexpected(made.error());
  return answer_key(201, made->key, nullptr, &made->text);
}

Result<Answer> show(const Call& call) {
  const auto key = own_key(call);
  if (!key) return std::unexpected(key.error());
  return answer_key(200, *key);
}

Result<Answer> change(const Call& call) {
  auto key = own_key(call);
  if (!key) return std::unexpected(key.error());
  const auto changed = change_key(call, std::move(*key));
  if (!changed) return std::unexpected(changed.error());
  return answer_key(200, *changed);
}

Result<Answer> remove(const Call& call) {
  const auto key = own_key(call);
  if (!key) return std::unexpected(key.error());
  if (Status done = delete_key(call, *key); !done) return std::unexpected(done.error());
  return answer_deleted(*key);
}

Result<Answer> rotate(const Call& call) {
  const auto key = own_key(call);
  if (!key) return std::unexpected(key.error());
  const auto made = rotate_key(call, *key);
  if (!made) return std::unexpected(made.error());
  return answer_key(201, made->key, nullptr, &made->text);
}

constexpr Field kPage[] = {
    {"limit", FieldKind::kCount, "Keys of a page: 1 to 1000, 50 when absent."},
    {"cursor", FieldKind::kText, "next_cursor of the page before."},
};

struct Patterns {
  std::string_view all, one, rotation;
};

void add_routes(std::vector<Route>& routes, const Patterns& patterns) {
  const auto add = [&](std::string_view method, std::string_view pattern,
                       Result<Answer> (*handle)(const Call&), std::string_view summary,
                       std::span<const Field> body = {}, std::span<const Field> query = {}) {
    routes.push_back({.method = method,
                      .pattern = pattern,
                      .access = Access::kUser,
                      .handle = handle,
                      .summary = summary,
                      .body = body,
                      .query = query,
                      .logins = true});
  };
  add("GET", patterns.all, list_keys, "One's API keys, in the order of their ids.", {}, kPage);
  add("POST", patterns.all, create, "Makes an API key, which is shown once.", new_key_fields());
  add("GET", patterns.one, show, "One of one's API keys.");
  add("PATCH", patterns.one, change, "Changes one of one's API keys.", changed_key_fields());
  add("DELETE", patterns.one, remove, "Deletes one of one's API keys.");
  add("POST", patterns.rotation, rotate,
      "Makes an API key in the place of another, which works a while longer.", rotation_fields());
}

}  // namespace

std::span<const Route> own_key_routes() {
  static const std::vector<Route> routes = [] {
    std::vector<Route> all;
    add_routes(all, {"/api/keys", "/api/keys/{id}", "/api/keys/{id}/rotate"});
    add_routes(all,
               {"/api/user/api-keys", "/api/user/api-keys/{id}", "/api/user/api-keys/{id}/rotate"});
    return all;
  }();
  return routes;
}

}  // namespace sluice::admin
