#include <array>

#include "config/options.hpp"

namespace sluice::config {

namespace {

constexpr double kGiB = 1024 * 1024 * 1024;
constexpr double kWeek = 7 * 24 * 3600;
constexpr double kYear = 366.0 * 24 * 3600;
constexpr double kMs = 0.001;
constexpr double kMany = 1e15;
constexpr double kInt = 2147483647;

constexpr auto kBool = Type::kBool;
constexpr auto kInteger = Type::kInteger;
constexpr auto kNumber = Type::kNumber;
constexpr auto kMoney = Type::kMoney;
constexpr auto kText = Type::kText;
constexpr auto kSecret = Type::kSecret;
constexpr auto kChoice = Type::kChoice;
constexpr auto kDuration = Type::kDuration;
constexpr auto kSize = Type::kSize;
constexpr auto kUrl = Type::kUrl;
constexpr auto kNetwork = Type::kNetwork;
constexpr auto kTime = Type::kTime;
constexpr auto kAny = Type::kAny;
constexpr auto kSection = Type::kSection;
constexpr auto kRestart = Change::kRestart;
constexpr auto kNone = std::nullopt;

constexpr std::string_view kLogLevels = "debug|info|warn|error";
constexpr std::string_view kStrategies =
    "round_robin|random|weighted_round_robin|least_connections|vram|predicted";

// clang-format off
constexpr auto kOptions = std::to_array<Option>({
    {.name = "server", .type = kSection, .help = "The gateway's own listener."},
    {.name = "server.host", .type = kText, .standard = "0.0.0.0", .help = "Address to listen on; `::` for IPv6 and IPv4.", .change = kRestart},
    {.name = "server.port", .type = kInteger, .standard = "8080", .help = "Port to listen on; 0 lets the kernel choose.", .env = "PORT", .change = kRestart, .max = 65535},
    {.name = "server.threads", .type = kInteger, .standard = "0", .help = "Event loops; 0 is one per core.", .change = kRestart, .max = 1024},
    {.name = "server.max_body", .type = kSize, .standard = "32MiB", .help = "Largest request body; larger ones get 413.", .min = 1, .max = 4 * kGiB},
    {.name = "server.drain_min", .type = kDuration, .standard = "2s", .help = "How long new connections are still accepted after SIGTERM, so that a load balancer can notice.", .max = kWeek},
    {.name = "server.drain_max", .type = kDuration, .standard = "120s", .help = "How long running streams may go on after SIGTERM before they are ended with an error frame.", .max = kWeek},
    {.name = "server.trusted_proxies[]", .type = kNetwork, .help = "Networks whose X-Forwarded-For is believed."},
    {.name = "server.tls.enabled", .type = kBool, .standard = "false", .help = "Serve HTTPS instead of HTTP.", .env = "TLS_ENABLED", .change = kRestart},
    {.name = "server.tls.cert", .type = kText, .standard = "deployment/ssl/server.crt", .help = "PEM file with the certificate and its chain; read again on reload."},
    {.name = "server.tls.key", .type = kText, .standard = "deployment/ssl/server.key", .help = "PEM file with the private key; read again on reload."},
    {.name = "server.cors.enabled", .type = kBool, .standard = "false", .help = "Answer CORS preflights and add CORS headers.", .env = "CORS_ENABLED"},
    {.name = "server.cors.allowed_origins[]", .type = kText, .help = "Origins such as `https://app.example.com`; `*` allows any.", .env = "CORS_ALLOWED_ORIGINS"},
    {.name = "server.gzip", .type = kBool, .standard = "false", .help = "Compress answers for clients that ask for it; never event streams.", .env = "GZIP_ENABLED"},

    {.name = "auth", .type = kSection, .help = "Who may call what."},
    {.name = "auth.enabled", .type = kBool, .standard = "true", .help = "Ask for a key on the inference routes; false lets anybody call them."},
    {.name = "auth.admin_token", .type = kSecret, .standard = "", .help = "Bearer token that opens `/api/admin/*`, `/api/live` and `DELETE /v1/workers`; empty: only from loopback. An administrator's login opens them, too."},
    {.name = "auth.jwt_secret", .type = kSecret, .standard = "", .help = "Signs session tokens; empty: generated once and kept in `data_dir`.", .env = "JWT_SECRET"},
    {.name = "auth.jwt_expiry", .type = kDuration, .standard = "24h", .help = "Life of the access token of `POST /api/auth/login`.", .env = "JWT_EXPIRY", .min = 1, .max = kYear},
    {.name = "auth.registration", .type = kChoice, .standard = "open", .help = "Who may register an account.", .choices = "open|invite|closed"},

    {.name = "data_dir", .type = kText, .standard = "./data", .help = "Folder for everything that Sluice keeps.", .change = kRestart},

    {.name = "database", .type = kSection, .help = "Where accounts, usage and the ledger live."},
    {.name = "database.url", .type = kSecret, .standard = "sqlite:{data_dir}/sluice.db", .help = "`sqlite:PATH`, where `{data_dir}` is replaced, or `postgresql://USER:PASSWORD@HOST:PORT/NAME?OPTIONS`, or the same with `mysql` ([databases](databases.md)).", .change = kRestart},
    {.name = "database.pool", .type = kInteger, .standard = "8", .help = "Connections to a database server, at most.", .change = kRestart, .min = 1, .max = 1024},
    {.name = "database.secret_key", .type = kSecret, .standard = "", .help = "Under which providers' keys in the database are encrypted; empty: made once and kept in data_dir, mode 0600. Gateways on one database server need the same.", .env = "SLUICE_SECRET_KEY", .change = kRestart},

    {.name = "ledger", .type = kSection, .help = "How settlements are made durable."},
    {.name = "ledger.durability", .type = kChoice, .standard = "process", .help = "What a settlement survives: the end of the process, or a power cut.", .change = kRestart, .choices = "process|power"},
    {.name = "ledger.spool", .type = kText, .standard = "{data_dir}/spool.db", .help = "File in which settlements are durable before they are carried to a database server.", .change = kRestart},

    {.name = "redis", .type = kSection, .help = "State shared by several gateways."},
    {.name = "redis.enabled", .type = kBool, .standard = "false", .help = "Use Redis.", .env = "REDIS_ENABLED", .change = kRestart, .effective = false},
    {.name = "redis.url", .type = kSecret, .standard = "redis://127.0.0.1:6379/0", .help = "Address of the Redis server.", .change = kRestart, .effective = false},
    {.name = "redis.on_failure", .type = kChoice, .standard = "local", .help = "What happens while Redis is away.", .effective = false, .choices = "local|refuse"},

    {.name = "providers[]", .type = kSection, .help = "Upstreams."},
    {.name = "providers[].name", .type = kText, .standard = kNone, .help = "How rules, logs, metrics and `x-sluice-provider` call it; letters, digits and `._-`.", .required = true},
    {.name = "providers[].type", .type = kChoice, .standard = kNone, .help = "What it speaks.", .required = true, .choices = "openai|anthropic|gemini|zai|openai_compatible"},
    {.name = "providers[].base_url", .type = kUrl, .standard = kNone, .help = "Address below which its API lies; absent: the type's own. `openai_compatible` has none and needs it."},
    {.name = "providers[].api_keys[]", .type = kSecret, .help = "Credentials; several are used in turn, each with its own cool-down. Empty ones are ignored."},
    {.name = "providers[].default", .type = kBool, .standard = "false", .help = "Takes what no rule and no model name decides; one provider per dialect."},
    {.name = "providers[].enabled", .type = kBool, .standard = "true", .help = "false: known by name, and never used."},
    {.name = "providers[].responses", .type = kBool, .help = "Whether it has OpenAI's Responses (`/responses`) beside chat completions; absent: only type `openai` has."},
    {.name = "providers[].platform", .type = kChoice, .standard = kNone, .help = "Of type `zai`: whose platform it is; absent: as its base_url tells, else `z.ai`. `zread.ai` needs a base_url.", .choices = "z.ai|zread.ai"},
    {.name = "providers[].reasoning", .type = kChoice, .standard = "reasoning_content", .help = "What clients see of the model's thinking: as their dialect shows it (OpenAI's: `reasoning_content`), nothing, or `<think>` in the text.", .choices = "reasoning_content|strip|think"},
    {.name = "providers[].models[]", .type = kText, .help = "Models that it serves; empty: any."},
    {.name = "providers[].headers.*", .type = kText, .standard = kNone, .help = "Headers added to every request to it."},
    {.name = "providers[].ca_file", .type = kText, .standard = "", .help = "PEM file with the certificates to trust; empty: the system's."},
    {.name = "providers[].proxy", .type = kText, .standard = "", .help = "HTTP proxy to go through, `http://host:port`; empty: none."},
    {.name = "providers[].timeouts.connect", .type = kDuration, .standard = "2s", .help = "To connect, TLS included.", .min = kMs, .max = kWeek},
    {.name = "providers[].timeouts.first_token", .type = kDuration, .standard = "60s", .help = "From sending the request to the first content; for answers that are not streamed only when it is given.", .min = kMs, .max = kWeek},
    {.name = "providers[].timeouts.between_tokens", .type = kDuration, .standard = "30s", .help = "Longest silence inside a stream.", .min = kMs, .max = kWeek},
    {.name = "providers[].timeouts.total", .type = kDuration, .standard = "600s", .help = "The whole request.", .min = kMs, .max = kWeek},
    {.name = "providers[].pool.max_idle", .type = kInteger, .standard = "100", .help = "Idle connections kept in this process.", .max = 1e6},
    {.name = "providers[].pool.max_idle_per_host", .type = kInteger, .standard = "10", .help = "Idle connections kept per host in this process.", .max = 1e6},
    {.name = "providers[].pool.idle_timeout", .type = kDuration, .standard = "90s", .help = "How long an idle connection is kept.", .min = kMs, .max = kWeek},

    {.name = "routing", .type = kSection, .help = "Which upstream answers which request."},
    {.name = "routing.rules[]", .type = kSection, .help = "Tried by highest priority, then exact before prefix, then the longest pattern, then their order."},
    {.name = "routing.rules[].type", .type = kChoice, .standard = kNone, .help = "Whether the pattern is a whole model name or its beginning.", .required = true, .choices = "exact|prefix"},
    {.name = "routing.rules[].pattern", .type = kText, .standard = kNone, .help = "Model name, or its beginning with an optional `*` at the end.", .required = true},
    {.name = "routing.rules[].target", .type = kText, .standard = kNone, .help = "A provider, a group, or `workers`.", .required = true},
    {.name = "routing.rules[].model", .type = kText, .standard = "", .help = "Model name to send upstream; empty: as requested."},
    {.name = "routing.rules[].priority", .type = kInteger, .standard = "0", .help = "Higher goes first.", .min = -kInt, .max = kInt},
    {.name = "routing.groups[]", .type = kSection, .help = "Targets that stand in for each other, under one name."},
    {.name = "routing.groups[].name", .type = kText, .standard = kNone, .help = "How rules and fallbacks call it; letters, digits and `._-`.", .required = true},
    {.name = "routing.groups[].strategy", .type = kChoice, .standard = "round_robin", .help = "How a member is picked, and among the workers where they are one.", .choices = kStrategies},
    {.name = "routing.groups[].affinity", .type = kChoice, .standard = "conversation", .help = "What goes on is asked of the member that has had it, since its caches are there; new conversations are shared out by the strategy. `none`: each request is.", .choices = "conversation|none"},
    {.name = "routing.groups[].resume", .type = kChoice, .standard = kNone, .help = "`routing.resume` of this group.", .choices = "none|restart|continue"},
    {.name = "routing.groups[].members[]", .type = kSection, .help = "Its targets.", .required = true, .shorthand = "target"},
    {.name = "routing.groups[].members[].target", .type = kText, .standard = kNone, .help = "A provider, or `workers`.", .required = true},
    {.name = "routing.groups[].members[].model", .type = kText, .standard = "", .help = "Model name to send upstream; empty: as requested."},
    {.name = "routing.groups[].members[].weight", .type = kInteger, .standard = "1", .help = "Its share with weighted_round_robin and random; with least_connections, how many requests count as one.", .min = 1, .max = 1e6},
    {.name = "routing.fallbacks[]", .type = kSection, .help = "Where a request goes when a target has failed it, before its first content."},
    {.name = "routing.fallbacks[].from", .type = kText, .standard = kNone, .help = "The target that failed: a provider, a group, or `workers`.", .required = true},
    {.name = "routing.fallbacks[].to[]", .type = kSection, .help = "The targets to ask, in this order.", .required = true, .shorthand = "target"},
    {.name = "routing.fallbacks[].to[].target", .type = kText, .standard = kNone, .help = "A provider, a group, or `workers`.", .required = true},
    {.name = "routing.fallbacks[].to[].model", .type = kText, .standard = "", .help = "Model name to send upstream; empty: as requested."},
    {.name = "routing.retry.attempts", .type = kInteger, .standard = "2", .help = "Tries per target.", .min = 1, .max = 10},
    {.name = "routing.retry.budget", .type = kNumber, .standard = "0.2", .help = "Share of all requests that may be tried again.", .max = 1},
    {.name = "routing.retry.backoff", .type = kDuration, .standard = "100ms", .help = "Pause before another try of the same target.", .max = 3600},
    {.name = "routing.retry.max_wait", .type = kDuration, .standard = "3s", .help = "Longest retry-after of an upstream that is waited out.", .max = 3600},
    {.name = "routing.resume", .type = kChoice, .standard = "none", .help = "What becomes of a stream that dies after its first byte.", .choices = "none|restart|continue"},
    {.name = "routing.mode", .type = kChoice, .standard = "lenient", .help = "What conversion does with fields that the other dialect lacks: drops and names them, or refuses the request.", .choices = "lenient|strict"},
    {.name = "routing.response_model", .type = kChoice, .standard = "requested", .help = "Model name in converted answers.", .choices = "requested|upstream"},
    {.name = "routing.affinity", .type = kChoice, .standard = "session", .help = "Which of a provider's keys a request uses: one conversation always the same, since caches and thinking belong to an account, or each in turn.", .choices = "session|spread"},
    {.name = "routing.keep_alive", .type = kDuration, .standard = "15s", .help = "Silence after which a streaming client gets a ping or a comment, which its library skips; 0: never.", .max = 3600},
    {.name = "routing.auto_cache", .type = kChoice, .standard = "tools_or_multiturn", .help = "When a converted request to Anthropic asks for prompt caching though the client sets no breakpoint.", .choices = "off|tools_or_multiturn|always"},
    {.name = "routing.repair_tools", .type = kBool, .standard = "false", .help = "Mend a converted history in which a tool call lacks its result, or a result its call; else it is refused."},
    {.name = "routing.prefer_forced_tool", .type = kBool, .standard = "false", .help = "Where a model cannot both think and be forced to call a tool, give up thinking; else the call is not forced."},
    {.name = "routing.expose_reasoning", .type = kBool, .standard = "true", .help = "Show OpenAI clients what converted models think, as `reasoning_content` and `thinking_blocks`."},
    {.name = "routing.on_disconnect", .type = kChoice, .standard = "cancel", .help = "What becomes of the upstream request when the client has gone.", .choices = "cancel|drain"},
    {.name = "routing.weights.vram", .type = kNumber, .standard = "0.4", .help = "Weight of free memory in a worker's score.", .max = 1},
    {.name = "routing.weights.concurrency", .type = kNumber, .standard = "0.3", .help = "Weight of free slots in a worker's score.", .max = 1},
    {.name = "routing.weights.model", .type = kNumber, .standard = "0.2", .help = "Weight of serving the model in a worker's score.", .max = 1},
    {.name = "routing.weights.fallback", .type = kNumber, .standard = "0.1", .help = "Weight of not being a fallback in a worker's score.", .max = 1},
    {.name = "routing.cloud.allow", .type = kBool, .standard = "true", .help = "Let requests that workers have no room for go to providers."},
    {.name = "routing.cloud.max_wait.interactive", .type = kDuration, .standard = "2s", .help = "Longest wait of interactive requests for a worker.", .max = kWeek},
    {.name = "routing.cloud.max_wait.default", .type = kDuration, .standard = "10s", .help = "Longest wait of other requests for a worker.", .max = kWeek},
    {.name = "routing.cloud.max_wait.bulk", .type = kDuration, .standard = "60s", .help = "Longest wait of bulk requests for a worker.", .max = kWeek},
    {.name = "routing.queue.max", .type = kInteger, .standard = "1000", .help = "Requests of a model and class that may wait for a worker.", .max = 1e6},
    {.name = "routing.queue.class_header", .type = kText, .standard = "x-sluice-class", .help = "Request header that names the class: interactive, default or bulk."},
    {.name = "routing.scale_webhook", .type = kText, .standard = "", .help = "URL that is told when more or fewer workers are wanted; empty: none."},

    {.name = "fetch", .type = kSection, .help = "Images and documents at URLs, fetched by the gateway for upstreams that do not fetch them."},
    {.name = "fetch.enabled", .type = kBool, .standard = "true", .help = "Fetch them; false refuses such requests."},
    {.name = "fetch.allow[]", .type = kNetwork, .help = "Networks that may be fetched from although they are not public, and at any port. All others: ports 80 and 443 of public addresses."},
    {.name = "fetch.max_size", .type = kSize, .standard = "10MiB", .help = "Largest image or document; all of a request together may have `server.max_body`.", .min = 1, .max = kGiB},
    {.name = "fetch.timeout", .type = kDuration, .standard = "10s", .help = "How long fetching one may take, redirects included.", .min = kMs, .max = 3600},
    {.name = "fetch.max_per_request", .type = kInteger, .standard = "20", .help = "URLs that are fetched for one request.", .max = 1000},

    {.name = "keys[]", .type = kSection, .help = "Keys of clients. Keys made through the API are not listed here."},
    {.name = "keys[].key", .type = kSecret, .standard = kNone, .help = "What the client sends.", .required = true},
    {.name = "keys[].name", .type = kText, .standard = kNone, .help = "How logs and usage call it.", .required = true},
    {.name = "keys[].models[]", .type = kText, .help = "Models that it may use, a `*` at the end makes a prefix; empty: any."},
    {.name = "keys[].allow_ips[]", .type = kNetwork, .help = "Addresses and networks that it may be used from; empty: any."},
    {.name = "keys[].expires_at", .type = kTime, .standard = kNone, .help = "When it stops working, such as `2027-01-31T00:00:00Z`; null: never.", .min = 0, .max = 253402300799},
    {.name = "keys[].quota_tokens", .type = kInteger, .standard = kNone, .help = "Tokens that it may use in all; absent: unlimited, 0: none. What is left is kept in the database, and changing this changes it by the difference.", .max = kMany},
    {.name = "keys[].quota_usd", .type = kMoney, .standard = kNone, .help = "USD that it may spend in all; absent: unlimited, 0: none. As with `quota_tokens`, changing this changes what is left by the difference.", .max = 1e9},
    {.name = "keys[].budgets", .type = kSection, .help = "USD that it may spend in a time (UTC); absent: unlimited. What has been spent is kept in the database."},
    {.name = "keys[].budgets.day", .type = kMoney, .standard = kNone, .help = "In a day.", .max = 1e9},
    {.name = "keys[].budgets.week", .type = kMoney, .standard = kNone, .help = "From Monday to Sunday.", .max = 1e9},
    {.name = "keys[].budgets.month", .type = kMoney, .standard = kNone, .help = "In a month.", .max = 1e9},
    {.name = "keys[].rpm", .type = kInteger, .standard = "0", .help = "Requests per minute; 0: no limit.", .max = kMany},
    {.name = "keys[].tpm", .type = kInteger, .standard = "0", .help = "Tokens per minute; 0: no limit.", .max = kMany},
    {.name = "keys[].max_parallel", .type = kInteger, .standard = "0", .help = "Requests at the same time; 0: no limit.", .max = kMany},
    {.name = "keys[].mode", .type = kChoice, .standard = kNone, .help = "`routing.mode` of this key; absent: that holds.", .choices = "lenient|strict"},
    {.name = "keys[].user", .type = kText, .standard = "", .help = "Name of the user whose wallet pays too; empty: only the quota counts."},
    {.name = "keys[].team", .type = kText, .standard = "", .help = "Name of a team of the user's, whose wallet pays instead of his own, within his budgets there. As long as he is no member of such a team, nobody pays and the key is refused."},

    {.name = "billing", .type = kSection, .help = "What usage costs."},
    {.name = "billing.unpriced", .type = kChoice, .standard = "allow", .help = "What becomes of a request for a model without a price.", .choices = "allow|refuse"},
    {.name = "billing.default_price", .type = kSection, .help = "Price of models that have none, in USD per 1M tokens; absent: `billing.unpriced` holds."},
    {.name = "billing.default_price.input", .type = kMoney, .standard = kNone, .help = "Price of 1M input tokens; needs output.", .max = 1e6},
    {.name = "billing.default_price.output", .type = kMoney, .standard = kNone, .help = "Price of 1M output tokens; needs input.", .max = 1e6},
    {.name = "billing.default_price.cache_read", .type = kMoney, .standard = kNone, .help = "Price of 1M input tokens read from a cache; absent: as input.", .max = 1e6},
    {.name = "billing.default_price.cache_write", .type = kMoney, .standard = kNone, .help = "Price of 1M input tokens written to a cache; absent: as input.", .max = 1e6},

    {.name = "usage", .type = kSection, .help = "The usage log."},
    {.name = "usage.retention", .type = kDuration, .standard = "0s", .help = "How long single rows are kept; sums by quarter of an hour stay. 0: for ever.", .max = kYear * 10},

    {.name = "limiter", .type = kSection, .help = "Request rate of each key, and of the gateway."},
    {.name = "limiter.enabled", .type = kBool, .standard = "false", .help = "Limit the request rate of every key, and of all together.", .env = "RATE_LIMIT_ENABLED"},
    {.name = "limiter.requests_per_minute", .type = kInteger, .standard = "60", .help = "Rate of a key that has no rpm of its own.", .env = "RATE_LIMIT_REQUESTS_PER_MINUTE", .min = 1, .max = 1e9},
    {.name = "limiter.burst", .type = kInteger, .standard = "10", .help = "Requests that such a key may send at once.", .env = "RATE_LIMIT_BURST", .min = 1, .max = 1e9},
    {.name = "limiter.default_rate", .type = kNumber, .standard = "1000.0", .help = "Requests per second of the whole gateway over time; 0: as max_rate.", .max = 1e9},
    {.name = "limiter.max_rate", .type = kNumber, .standard = "10000.0", .help = "Requests of the whole gateway in any one second; 0: no such limit.", .max = 1e9},
    {.name = "limiter.cleanup_interval", .type = kDuration, .standard = "5m", .help = "How often idle keys were forgotten. There is nothing to forget: a key's rate is one number.", .effective = false, .min = kMs, .max = kWeek},

    {.name = "workers", .type = kSection, .help = "GPU workers that register by heartbeat."},
    {.name = "workers.ttl", .type = kDuration, .standard = "15s", .help = "Silence after which a worker is no longer routed to.", .env = "WORKER_TTL", .min = kMs, .max = kWeek},
    {.name = "workers.cleanup_interval", .type = kDuration, .standard = "5s", .help = "How often silent workers are looked for.", .env = "CLEANUP_INTERVAL", .min = kMs, .max = kWeek},
    {.name = "workers.token", .type = kSecret, .standard = "", .help = "Bearer token that heartbeats must carry; empty: none, and endpoints are accepted only from loopback and `workers.allow`."},
    {.name = "workers.allow[]", .type = kNetwork, .help = "Networks from which an endpoint is accepted without a token."},
    {.name = "workers.api_key", .type = kSecret, .standard = "", .help = "Bearer token that is sent to workers; empty: none."},
    {.name = "workers.timeouts.connect", .type = kDuration, .standard = "2s", .help = "To connect, TLS included.", .min = kMs, .max = kWeek},
    {.name = "workers.timeouts.first_token", .type = kDuration, .standard = "60s", .help = "From sending the request to the first content; for answers that are not streamed only when it is given.", .min = kMs, .max = kWeek},
    {.name = "workers.timeouts.between_tokens", .type = kDuration, .standard = "30s", .help = "Longest silence inside a stream.", .min = kMs, .max = kWeek},
    {.name = "workers.timeouts.total", .type = kDuration, .standard = "600s", .help = "The whole request.", .min = kMs, .max = kWeek},
    {.name = "workers.gateways", .type = kInteger, .standard = "1", .help = "Gateways that send requests to the same workers, this one included.", .min = 1, .max = 64},

    {.name = "discovery", .type = kSection, .help = "Workers that do not announce themselves: found here, and asked for their health."},
    {.name = "discovery.enabled", .type = kBool, .standard = "true", .help = "Look for them.", .env = "SERVICE_DISCOVERY_ENABLED"},
    {.name = "discovery.type", .type = kChoice, .standard = "static", .help = "How they are found; this version knows `static`.", .env = "SERVICE_DISCOVERY_TYPE", .choices = "static|consul|kubernetes"},
    {.name = "discovery.interval", .type = kDuration, .standard = "5s", .help = "Between two checks of one service.", .min = kMs, .max = kWeek},
    {.name = "discovery.timeout", .type = kDuration, .standard = "2s", .help = "How long a check may take.", .min = kMs, .max = 3600},
    {.name = "discovery.healthy_after", .type = kInteger, .standard = "2", .help = "Good checks in a row after which an unhealthy service is used again.", .min = 1, .max = 100},
    {.name = "discovery.unhealthy_after", .type = kInteger, .standard = "3", .help = "Bad checks in a row after which a service is no longer used.", .min = 1, .max = 100},
    {.name = "discovery.file", .type = kText, .standard = "", .help = "JSON file with more services, an object of the form of `discovery.services`; read at start and on reload."},
    {.name = "discovery.services", .type = kSection, .help = "Services by name, for `static`."},
    {.name = "discovery.services.*.host", .type = kText, .standard = kNone, .help = "Host name or address.", .required = true},
    {.name = "discovery.services.*.port", .type = kInteger, .standard = kNone, .help = "Port.", .required = true, .min = 1, .max = 65535},
    {.name = "discovery.services.*.protocol", .type = kChoice, .standard = "http", .help = "What it speaks; one that speaks `grpc` is left out in this version.", .choices = "http|https|grpc"},
    {.name = "discovery.services.*.health_check", .type = kText, .standard = "/health", .help = "Path that answers 2xx while it is well."},
    {.name = "discovery.services.*.models[]", .type = kText, .help = "Models that it serves; empty: what its list of models tells."},
    {.name = "discovery.services.*.max_tasks", .type = kInteger, .standard = "0", .help = "Requests that it takes at the same time; 0: any number.", .max = 1e6},

    {.name = "models[]", .type = kSection, .help = "Models by name: prices in USD per 1M tokens, and what they can do."},
    {.name = "models[].name", .type = kText, .standard = kNone, .help = "Model name; `GET /v1/models` and metric labels know it.", .required = true},
    {.name = "models[].input", .type = kMoney, .standard = kNone, .help = "Price of 1M input tokens; needs output.", .max = 1e6},
    {.name = "models[].output", .type = kMoney, .standard = kNone, .help = "Price of 1M output tokens; needs input.", .max = 1e6},
    {.name = "models[].cache_read", .type = kMoney, .standard = kNone, .help = "Price of 1M input tokens read from a cache; absent: as input.", .max = 1e6},
    {.name = "models[].cache_write", .type = kMoney, .standard = kNone, .help = "Price of 1M input tokens written to a cache; absent: as input.", .max = 1e6},
    {.name = "models[].context", .type = kInteger, .standard = kNone, .help = "Context window in tokens.", .min = 1, .max = 1e9},
    {.name = "models[].max_output", .type = kInteger, .standard = kNone, .help = "Longest answer in tokens.", .min = 1, .max = 1e9},
    {.name = "models[].capabilities", .type = kSection, .help = "Overrides of the built-in table of what models take, for requests that are converted."},
    {.name = "models[].capabilities.*", .type = kAny, .standard = kNone, .help = "One capability by its name, as `src/dialect/chat/capabilities.hpp` lists them; those that are lists as words, `low medium`."},

    {.name = "metrics", .type = kSection, .help = "Prometheus metrics."},
    {.name = "metrics.enabled", .type = kBool, .standard = "true", .help = "Serve metrics.", .env = "PROMETHEUS_ENABLED"},
    {.name = "metrics.port", .type = kInteger, .standard = "0", .help = "Port of its own; 0: the main port.", .change = kRestart, .max = 65535},
    {.name = "metrics.path", .type = kText, .standard = "/metrics", .help = "Where they are served."},

    {.name = "logging", .type = kSection, .help = "Log lines on standard output."},
    {.name = "logging.level", .type = kChoice, .standard = "info", .help = "Least important line that is written.", .env = "LOG_LEVEL", .choices = kLogLevels},
    {.name = "logging.format", .type = kChoice, .standard = "text", .help = "Form of a line.", .choices = "text|json"},
    {.name = "logging.content", .type = kBool, .standard = "false", .help = "Also log prompts and answers; for debugging only.", .effective = false},
});
// clang-format on

constexpr auto kOtherEnvironment = std::to_array<EnvironmentName>({
    {"GIN_MODE",
     "`debug` sets `logging.level: debug` where LOG_LEVEL is not set; `release` and "
     "`test` change nothing."},
    {"OPENAI_API_KEY",
     "Key of api.openai.com, used by the shipped files; without any "
     "configuration file it makes the provider `openai-main`."},
    {"ANTHROPIC_API_KEY",
     "Key of api.anthropic.com, used by the shipped files; without any "
     "configuration file it makes the provider `anthropic-main`."},
    {"GEMINI_API_KEY",
     "Key of generativelanguage.googleapis.com; without any configuration file it makes the "
     "provider `gemini-main`."},
    {"UPSTREAM_TOKEN",
     "Key of Z.ai: taken in place of `api_keys` by every provider of type `zai` on platform z.ai, "
     "or where there is none, on zread.ai; never by both. Without any configuration file it makes "
     "the provider `zai-main`."},
    {"DB_HOST",
     "Host of a MySQL or MariaDB server: with it, the variables below make `database.url`."},
    {"DB_PORT", "Port of that server; 3306 when not set."},
    {"DB_USER", "User on that server; `root` when not set."},
    {"DB_PASSWORD", "That user's password."},
    {"DB_NAME", "Name of the database; `ai_gateway` when not set."},
});

}  // namespace

std::span<const Option> options() { return kOptions; }

std::span<const EnvironmentName> other_environment() { return kOtherEnvironment; }

}  // namespace sluice::config
