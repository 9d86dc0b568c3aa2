// What a scrape is told of workers, queues and breakers.
#pragma once

#include "base/clock.hpp"
#include "observe/fleet_figures.hpp"
#include "route/balancer.hpp"
#include "workers/dispatcher.hpp"

namespace sluice::app {

/// Any thread. A provider is as its worst key and model is.
observe::FleetFigures fleet_figures(workers::Dispatcher& dispatcher,
                                    const route::TargetStates& targets, TimePoint now);

}  // namespace sluice::app
