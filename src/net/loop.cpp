#include "net/loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "net/descriptor.hpp"

namespace sluice::net {

namespace {
constexpr int kBatch = 256;
}

Loop::Loop(int index)
    : index_(index),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(sluice::now()),
      input_(new char[kScratch + kSlack]()),
      events_(kBatch) {
  if (epoll_ < 0 || wake_fd_ < 0) {
    throw std::system_error(errno, std::generic_category(), "event loop");
  }
  output_.reserve(kScratch * 2);
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_fd_, &event);
}

Loop::~Loop() {
  for (Timer* timer : timers_) timer->place_ = Timer::kNowhere;
  close(wake_fd_);
  close(epoll_);
}

void Loop::post(std::move_only_function<void()> work) {
  bool first = false;
  {
    std::lock_guard lock(posted_mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(work));
  }
  if (first) {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
  }
}

void Loop::stop() {
  post([this] { stopping_ = true; });
}

void Loop::run() {
  stopping_ = false;
  while (!stopping_) {
    event_count_ = epoll_wait(epoll_, events_.data(), kBatch, poll_timeout());
    now_ = sluice::now();
    if (event_count_ < 0) event_count_ = 0;  // EINTR
    bool woken = false;
    for (event_next_ = 0; event_next_ < event_count_;) {
      const epoll_event event = events_[static_cast<size_t>(event_next_++)];
      if (event.data.ptr == nullptr) {
        woken = woken || event.events != 0;
        continue;
      }
      turns_ = 0;
      prefetch_next();
      static_cast<Descriptor*>(event.data.ptr)->on_events(event.events);
    }
    event_count_ = event_next_ = 0;
    run_revisits();
    run_ready();
    run_timers();
    if (woken) run_posted();
    run_ready();
  }
}

// With thousands of streams the next one's memory is out of the cache when its event comes. It is
// fetched while this one is worked on: the descriptor two events ahead, the waiter one ahead.
void Loop::prefetch_next() const {
  const auto descriptor_at = [this](int place) -> const Descriptor* {
    if (place >= event_count_) return nullptr;
    return static_cast<const Descriptor*>(events_[static_cast<size_t>(place)].data.ptr);
  };
  if (const Descriptor* later = descriptor_at(event_next_ + 1)) __builtin_prefetch(later);
  if (const Descriptor* next = descriptor_at(event_next_)) next->prefetch_waiter();
}

void Loop::run_revisits() {
  // What is put on the list by this is for the next round, behind the events of then.
  visiting_.swap(revisit_);
  for (size_t i = 0; i < visiting_.size(); ++i) {
    turns_ = 0;
    if (visiting_[i] != nullptr) visiting_[i]->on_events(EPOLLIN);
  }
  visiting_.clear();
}

void Loop::run_posted() {
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = read(wake_fd_, &count, sizeof count);
  std::vector<std::move_only_function<void()>> work;
  {
    std::lock_guard lock(posted_mutex_);
    work.swap(posted_);
  }
  for (auto& each : work) {
    turns_ = 0;
    each();
  }
}

void Loop::run_ready() {
  while (!ready_.empty()) {
    resuming_.swap(ready_);
    for (const auto handle : resuming_) {
      turns_ = 0;
      handle.resume();
    }
    resuming_.clear();
  }
}

void Loop::run_timers() {
  while (!timers_.empty() && timers_.front()->at_ <= now_) {
    Timer* timer = timers_.front();
    timer->disarm();
    turns_ = 0;
    timer->fire();
  }
}

int Loop::poll_timeout() const {
  if (!ready_.empty() || !revisit_.empty()) return 0;
  if (timers_.empty()) return -1;
  const auto wait = timers_.front()->at_ - sluice::now();
  if (wait <= Duration::zero()) return 0;
  // Rounded up: waking a fraction early would only turn once more.
  const auto millis = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  return static_cast<int>(std::min<int64_t>(millis, 60'000));
}

void Loop::add(Descriptor& descriptor) {
  // Registered once for everything, edge-triggered: no epoll_ctl per wait. The descriptor
  // remembers what it was told.
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                    .data = {.ptr = &descriptor}};
  epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor.fd(), &event);
}

void Loop::remove(Descriptor& descriptor) {
  for (int i = event_next_; i < event_count_; ++i) {
    auto& event = events_[static_cast<size_t>(i)];
    if (event.data.ptr == &descriptor) event = {.events = 0, .data = {.ptr = nullptr}};
  }
  std::erase(revisit_, &descriptor);
  std::replace(visiting_.begin(), visiting_.end(), &descriptor, static_cast<Descriptor*>(nullptr));
}

void Loop::sift_up(size_t place) {
  Timer* timer = timers_[place];
  while (place > 0) {
    const size_t parent = (place - 1) / 2;
    if (timers_[parent]->at_ <= timer->at_) break;
    timers_[place] = timers_[parent];
    timers_[place]->place_ = place;
    place = parent;
  }
  timers_[place] = timer;
  timer->place_ = place;
}

void Loop::sift_down(size_t place) {
  Timer* timer = timers_[place];
  for (;;) {
    size_t child = place * 2 + 1;
    if (child >= timers_.size()) break;
    if (child + 1 < timers_.size() && timers_[child + 1]->at_ < timers_[child]->at_) ++child;
    if (timer->at_ <= timers_[child]->at_) break;
    timers_[place] = timers_[child];
    timers_[place]->place_ = place;
    place = child;
  }
  timers_[place] = timer;
  timer->place_ = place;
}

void Timer::arm(TimePoint at) {
  at_ = at;
  if (place_ == kNowhere) {
    loop_.timers_.push_back(this);
    loop_.sift_up(loop_.timers_.size() - 1);
  } else {
    const size_t place = place_;
    loop_.sift_up(place);
    loop_.sift_down(place_);
  }
}

void Timer::disarm() {
  if (place_ == kNowhere) return;
  const size_t place = std::exchange(place_, kNowhere);
  Timer* last = loop_.timers_.back();
  loop_.timers_.pop_back();
  if (last == this) return;
  loop_.timers_[place] = last;
  last->place_ = place;
  loop_.sift_up(place);
  loop_.sift_down(last->place_);
}

}  // namespace sluice::net
