#include "bft_world.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

namespace kith::ledger::bft {

/// The seam that validator_set.hpp leaves.
struct QuorumForTests {
  static void set(ValidatorSet& of, std::uint64_t quorum) { of.quorum_ = quorum; }
};

namespace {

using Time = std::uint64_t;  // microseconds

constexpr Time delay_least = 1'000;
constexpr Time delay_most = 20'000;
constexpr std::uint64_t events_max = 4'000'000;
constexpr unsigned heights_wanted = 3;

enum class Vice : std::uint8_t {
  none,
  twins,        ///< two machines with one key, each honest by itself
  two_faced,    ///< for each vote another one that contradicts it
  equivocates,  ///< proposes one thing to some and another to others
  withholds,    ///< proposes what few can get, or what is invalid
  misbuilds,    ///< builds on a parent that was skipped, or skips one that wasn't
  babbles,      ///< false certificates and signatures, impossible views, requests without end
  favours,      ///< tells one validator, or some, and leaves the others where they are
  silent,
};
constexpr unsigned vices = 8;

struct Payload {
  std::uint32_t parent = 0;
  std::uint32_t height = 0;
  bool valid = true;
  bool is_final = false;
  ValidatorBits visible;
};

struct Node {
  ValidatorIndex validator = 0;
  Vice vice = Vice::none;
  std::unique_ptr<FakeSigner> signer;
  std::unique_ptr<Engine> engine;
  std::uint32_t boot = 0;
  std::vector<Record> log;
  std::size_t durable = 0;
  std::uint32_t actions_left = UINT32_MAX;  ///< until it stops
  double clock = 1;                         ///< how long a second is there
  std::uint32_t group = 0;
  bool starved = false;  ///< its application gets no payloads
  std::uint32_t final_height = 0;

  bool is_honest() const { return vice == Vice::none; }
};

/// What an honest validator is known to have sent for a view.
struct Sent {
  std::optional<Proposal> notarize;
  std::optional<Proposal> finalize;
  bool nullify = false;
};

struct Event {
  enum class Kind : std::uint8_t { deliver, timer, built, verdict, fault, heal, restart };
  Time at = 0;
  std::uint32_t number = 0;
  Kind kind = Kind::deliver;
  Timer timer = Timer::leader;
  std::uint16_t node = 0;
  std::uint16_t from = 0;
  std::uint32_t slot = 0;  ///< of a message, a boot, or a fault
  View view = 0;

  bool operator>(const Event& other) const {
    return at != other.at ? at > other.at : number > other.number;
  }
};

class World {
 public:
  explicit World(const WorldOptions& options) : options_(options), prng_(options.seed) {
    make_set();
    make_nodes();
    payloads_.push_back({.visible = ValidatorBits::first(set_->size())});
    by_height_.push_back(0);
    payloads_[0].is_final = true;
  }

  WorldResult run() {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      boot(i);
    schedule_fault();
    while (!queue_.empty() && result_.violation.empty() && !is_done()) {
      const Event event = queue_.top();
      queue_.pop();
      now_ = event.at;
      if (++result_.events > events_max) {
        fail(false, "no end in sight");
        break;
      }
      result_.trace = (result_.trace ^ event.at ^ std::uint64_t{event.node} << 48 ^
                       static_cast<std::uint64_t>(event.kind) << 60) *
                      0x100000001b3;
      handle(event);
    }
    for (Node& node : nodes_)
      collect(node);
    result_.views = newest_view_;
    return std::move(result_);
  }

 private:
  // Making it.

  void make_set() {
    std::vector<std::uint64_t> stakes(options_.validators);
    const std::uint64_t most = prng_.chance(0.3) ? 1 : prng_.chance(0.5) ? 4 : 1000;
    for (std::uint64_t& stake : stakes)
      stake = prng_.between(1, most);
    set_ = test_set(stakes);
    if (options_.quorum != 0) {
      auto broken = std::make_shared<ValidatorSet>(*test_set(stakes));
      QuorumForTests::set(*broken, options_.quorum);
      set_ = broken;
    }
  }

  void make_nodes() {
    const bool any = options_.liars && prng_.chance(0.7);
    std::uint64_t lying = 0;
    for (std::size_t i = 0; i < set_->size(); ++i) {
      const auto index = static_cast<ValidatorIndex>(i);
      Vice vice = Vice::none;
      const std::uint64_t stake = (*set_)[index].stake;
      if (any && prng_.chance(0.5) && (lying + stake) * 3 < set_->total()) {
        lying += stake;
        vice = static_cast<Vice>(1 + prng_.below(vices));
      }
      add_node(index, vice);
      if (vice == Vice::twins) add_node(index, vice);
    }
    engine_options_.leader_timeout = 100ms;
    engine_options_.notarization_timeout = 150ms;
    engine_options_.retry_interval = 100ms;
    engine_options_.fetch_timeout = 50ms;
    // Small, so that limits are met.
    engine_options_.window = static_cast<std::uint32_t>(prng_.between(4, 12));
    engine_options_.vote_views = static_cast<std::uint32_t>(prng_.between(1, 8));
    engine_options_.evidence_views = static_cast<std::uint32_t>(prng_.between(0, 4));
    engine_options_.skip_views = static_cast<std::uint32_t>(prng_.between(4, 20));
    engine_options_.log_bytes = prng_.between(1'000, 20'000);
    engine_options_.genesis = test_hash(0);
    // So little room needs a leader that comes back: nobody else leads out of the last view.
    if (!any && prng_.chance(0.3))
      engine_options_.open_views_max = static_cast<std::uint32_t>(prng_.between(2, 10));
  }

  void add_node(ValidatorIndex index, Vice vice) {
    Node node;
    node.validator = index;
    node.vice = vice;
    node.signer = std::make_unique<FakeSigner>(index);
    nodes_.push_back(std::move(node));
    of_validator_.resize(set_->size());
    of_validator_[index].push_back(static_cast<std::uint16_t>(nodes_.size() - 1));
  }

  // Machines.

  void boot(std::size_t i) {
    Node& node = nodes_[i];
    if (node.vice == Vice::silent || node.engine) return;
    ++node.boot;
    node.engine = std::make_unique<Engine>(set_, engine_options_, verifier_, node.signer.get(),
                                           node.validator);
    read_log(node);
    Actions actions;
    const auto started = node.engine->start(node.log, actions);
    if (!started) return fail(true, "a validator can't go on from its log");
    carry_out(i, actions);
  }

  /// Through its bytes now and then, with a tail that was being written.
  void read_log(Node& node) {
    if (node.log.empty() || !prng_.chance(0.2)) return;
    Bytes bytes;
    for (const Record& record : node.log)
      append(bytes, encode_frame({&record, 1}));
    const std::size_t whole = bytes.size();
    append(bytes, ByteView(encode_frame(node.log)).first(prng_.below(40)));
    auto contents = decode_journal(bytes);
    if (!contents || contents->whole_bytes != whole || contents->records.size() != node.log.size())
      return fail(true, "a log isn't read as it was written");
    node.log = std::move(contents->records);
  }

  void stop(std::size_t i) {
    Node& node = nodes_[i];
    if (!node.engine) return;
    collect(node);
    node.engine.reset();
    node.actions_left = UINT32_MAX;
    node.log.resize(prng_.between(node.durable, node.log.size()));
    if (options_.forgets_last_record && node.log.size() > 1) node.log.pop_back();
    node.durable = node.log.size();
    ++result_.restarts;
    push({.at = now_ + prng_.between(0, 300'000),
          .kind = Event::Kind::restart,
          .node = static_cast<std::uint16_t>(i)});
  }

  void collect(Node& node) {
    if (!node.engine) return;
    for (std::size_t k = 0; k < transitions; ++k)
      result_.counts[k] += node.engine->counts()[k];
  }

  // Events.

  void push(Event event) {
    event.number = next_number_++;
    queue_.push(event);
  }

  void handle(const Event& event) {
    Node& node = nodes_[event.node];
    switch (event.kind) {
      case Event::Kind::deliver:
        if (node.engine) {
          actions_.clear();
          node.engine->receive(event.from, messages_[event.slot].message, actions_);
          carry_out(event.node, actions_);
        }
        release(event.slot);
        return;
      case Event::Kind::timer:
        if (!node.engine || node.boot != event.slot) return;
        actions_.clear();
        node.engine->timer(event.timer, event.view, actions_);
        return carry_out(event.node, actions_);
      case Event::Kind::built:
        if (!node.engine || node.boot != event.slot) return;
        return built(event.node, event.view);
      case Event::Kind::verdict:
        if (!node.engine || node.boot != event.slot) return;
        return judge(event.node, event.view);
      case Event::Kind::fault:
        return begin_fault();
      case Event::Kind::heal:
        return end_fault(event.slot);
      case Event::Kind::restart:
        return boot(event.node);
    }
  }

  void carry_out(std::size_t i, const Actions& actions) {
    Node& node = nodes_[i];
    for (const Action& action : actions) {
      if (node.actions_left-- == 0) return stop(i);
      std::visit([&](const auto& one) { on(i, one); }, action);
      if (!result_.violation.empty()) return;
    }
    if (node.is_honest()) newest_view_ = std::max(newest_view_, node.engine->view());
  }

  void on(std::size_t i, const Persist& persist) {
    Node& node = nodes_[i];
    if (persist.replaces_all) node.log.clear();
    node.log.push_back(persist.record);
    if (persist.wait) node.durable = node.log.size();
    if (persist.replaces_all) node.durable = 1;
  }

  void on(std::size_t i, const Arm& arm) {
    const double after = static_cast<double>(arm.after.count()) / 1000 * nodes_[i].clock;
    push({.at = now_ + static_cast<Time>(after),
          .kind = Event::Kind::timer,
          .timer = arm.timer,
          .node = static_cast<std::uint16_t>(i),
          .slot = nodes_[i].boot,
          .view = arm.view});
  }

  // The application.

  void on(std::size_t i, const Build& build) {
    parent_of_build_.resize(nodes_.size());
    parent_of_build_[i] = build.parent;
    push({.at = now_ + prng_.below(8'000),
          .kind = Event::Kind::built,
          .node = static_cast<std::uint16_t>(i),
          .slot = nodes_[i].boot,
          .view = build.view});
  }

  static std::uint32_t number_of(const Hash& payload) {
    return static_cast<std::uint32_t>(load_be<std::uint64_t>(payload.bytes.data()));
  }

  Hash new_payload(const Hash& parent) {
    const std::uint32_t before = number_of(parent);
    payloads_.push_back({.parent = before,
                         .height = payloads_[before].height + 1,
                         .visible = ValidatorBits::first(set_->size())});
    return test_hash(payloads_.size() - 1);
  }

  void built(std::size_t i, View view) {
    Node& node = nodes_[i];
    std::optional<Hash> payload;
    if (!prng_.chance(0.02)) payload = new_payload(parent_of_build_[i].payload);
    if (payload && node.vice == Vice::withholds) {
      Payload& made = payloads_.back();
      made.valid = !prng_.chance(0.2);
      made.visible = {};
      for (std::size_t k = 0; k < set_->size(); ++k) {
        if (prng_.chance(0.5)) made.visible.set(static_cast<ValidatorIndex>(k));
      }
    }
    actions_.clear();
    node.engine->built(view, payload, actions_);
    carry_out(i, actions_);
  }

  void on(std::size_t i, const Verify& verify) {
    verifying_.resize(nodes_.size());
    verifying_[i] = verify;
    push({.at = now_ + prng_.below(8'000),
          .kind = Event::Kind::verdict,
          .node = static_cast<std::uint16_t>(i),
          .slot = nodes_[i].boot,
          .view = verify.proposal.view});
  }

  void judge(std::size_t i, View view) {
    const Verify& verify = verifying_[i];
    if (verify.proposal.view != view) return;
    const Payload& payload = payloads_[number_of(verify.proposal.payload)];
    PayloadVerdict verdict = PayloadVerdict::valid;
    if (!payload.visible.test(nodes_[i].validator) || (nodes_[i].starved && prng_.chance(0.7)))
      verdict = PayloadVerdict::unavailable;
    else if (!payload.valid || payload.parent != number_of(verify.parent.payload))
      verdict = PayloadVerdict::invalid;
    actions_.clear();
    nodes_[i].engine->verdict(verify.proposal, verdict, actions_);
    carry_out(i, actions_);
  }

  // The network.

  struct Held {
    Message message;
    std::uint32_t uses = 0;
  };

  std::uint32_t hold(Message message) {
    if (free_.empty()) {
      messages_.push_back({});
      free_.push_back(static_cast<std::uint32_t>(messages_.size() - 1));
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    messages_[slot] = {std::move(message), 1};
    return slot;
  }

  void release(std::uint32_t slot) {
    if (--messages_[slot].uses > 0) return;
    messages_[slot].message = Vote{};
    free_.push_back(slot);
  }

  void transmit(std::size_t i, const Message& message, const ValidatorBits& to) {
    if (to.none()) return;
    const std::uint32_t slot = hold(message);
    to.for_each([&](ValidatorIndex validator) {
      for (const std::uint16_t target : of_validator_[validator])
        transmit_one(i, target, slot);
    });
    release(slot);
  }

  void transmit_one(std::size_t i, std::uint16_t target, std::uint32_t slot) {
    if (nodes_[i].group != nodes_[target].group || (loss_ > 0 && prng_.chance(loss_))) return;
    const int copies = doubles_ > 0 && prng_.chance(doubles_) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      ++messages_[slot].uses;
      push({.at = now_ + prng_.between(delay_least, delay_most) * delay_times_,
            .kind = Event::Kind::deliver,
            .node = target,
            .from = nodes_[i].validator,
            .slot = slot});
    }
  }

  void on(std::size_t i, const Send& sent) {
    Node& node = nodes_[i];
    if (node.is_honest()) {
      if (const Vote* vote = std::get_if<Vote>(&sent.message)) watch(*vote);
      return transmit(i, sent.message, sent.to);
    }
    lie(i, sent);
  }

  // Liars.

  ValidatorBits half(const ValidatorBits& of) {
    ValidatorBits some;
    of.for_each([&](ValidatorIndex i) {
      if (prng_.chance(0.5)) some.set(i);
    });
    return some;
  }

  static ValidatorBits without(ValidatorBits all, const ValidatorBits& some) {
    some.for_each([&](ValidatorIndex i) { all.clear(i); });
    return all;
  }

  void lie(std::size_t i, const Send& sent) {
    const Vote* vote = std::get_if<Vote>(&sent.message);
    switch (nodes_[i].vice) {
      case Vice::two_faced:
        if (vote != nullptr) contradict(i, *vote, sent.to);
        break;
      case Vice::equivocates:
        if (vote != nullptr && is_proposal(i, *vote)) return equivocate(i, *vote, sent.to);
        break;
      case Vice::misbuilds:
        if (vote != nullptr && is_proposal(i, *vote) && prng_.chance(0.7))
          return misbuild(i, *vote, sent.to);
        break;
      case Vice::babbles:
        if (vote != nullptr) babble(i, *vote, sent.to);
        break;
      case Vice::favours:
        return favour(i, sent);
      default:
        break;
    }
    transmit(i, sent.message, sent.to);
  }

  void favour(std::size_t i, const Send& sent) {
    ValidatorBits some = half(sent.to);
    if (prng_.chance(0.5)) {
      some = {};
      const auto one = static_cast<ValidatorIndex>(prng_.below(set_->size()));
      if (sent.to.test(one)) some.set(one);
    }
    transmit(i, sent.message, some);
  }

  bool is_proposal(std::size_t i, const Vote& vote) {
    return vote.kind() == VoteKind::notarize &&
           nodes_[i].engine->leader(vote.view()) == nodes_[i].validator;
  }

  void contradict(std::size_t i, const Vote& vote, const ValidatorBits& to) {
    Proposal other = vote.says.about;
    VoteKind kind = vote.kind();
    if (kind == VoteKind::notarize) {
      other.payload = new_payload(other.payload);
    } else if (kind == VoteKind::finalize && prng_.chance(0.5)) {
      other.payload = new_payload(other.payload);
    } else if (kind == VoteKind::finalize) {
      kind = VoteKind::nullify;
    } else {
      // It finalizes what it was asked to judge last, or nothing that exists.
      kind = VoteKind::finalize;
      other = i < verifying_.size() && verifying_[i].proposal.view == vote.view()
                  ? verifying_[i].proposal
                  : Proposal{vote.view(), vote.view() - 1, test_hash(0)};
    }
    transmit(i, fake_vote(kind, other, vote.by), healed_ ? to : half(to));
    if (healed_) result_.two_faced.set(vote.by);
  }

  void equivocate(std::size_t i, const Vote& vote, const ValidatorBits& to) {
    Proposal other = vote.says.about;
    other.payload = new_payload(test_hash(payloads_[number_of(other.payload)].parent));
    const ValidatorBits some = half(to);
    transmit(i, vote, some);
    const Vote second = fake_vote(VoteKind::notarize, other, vote.by);
    transmit(i, second, without(to, some));
    if (prng_.chance(0.3)) transmit(i, second, some);
  }

  /// On a parent further back: what lies between wasn't skipped, or is even final.
  void misbuild(std::size_t i, const Vote& vote, const ValidatorBits& to) {
    Proposal bad = vote.says.about;
    const View back = prng_.between(1, 6);
    bad.parent = bad.parent > back ? bad.parent - back : 0;
    bad.payload =
        new_payload(bad.parent < notarized_.size() ? notarized_[bad.parent].payload : test_hash(0));
    transmit(i, fake_vote(VoteKind::notarize, bad, vote.by), to);
  }

  void babble(std::size_t i, const Vote& vote, const ValidatorBits& to) {
    Vote other = vote;
    switch (prng_.below(8)) {
      case 0:
        other.signature[3] ^= 1;
        return transmit(i, other, to);
      case 1:
        // Another's vote, if one could make it, against what it may have said.
        other.says.kind = static_cast<VoteKind>(1 + prng_.below(3));
        other.says.about = {vote.view(), 0, {}};
        other.by = static_cast<ValidatorIndex>(prng_.below(set_->size() + 2));
        return transmit(i, other, to);
      case 2:
        return transmit(i,
                        fake_vote(VoteKind::notarize,
                                  {vote.view() + prng_.below(1000), prng_.below(9), {}}, vote.by),
                        to);
      case 3:
        return transmit(i, fake_vote(VoteKind::nullify, {vote.view(), 0, {}}, vote.by, 7), to);
      case 4: {
        const ValidatorIndex self[] = {vote.by};
        return transmit(i,
                        fake_certificate(static_cast<VoteKind>(1 + prng_.below(3)),
                                         {vote.view(), 0, test_hash(0)}, self),
                        to);
      }
      case 5: {
        Request all;
        for (View view = 1; view <= request_views_max; ++view)
          all.items.push_back({view + (prng_.chance(0.5) ? vote.view() : 0), Request::either});
        std::ranges::sort(all.items, {}, &Request::Item::view);
        for (int times = 0; times < 10; ++times)
          transmit(i, all, to);
        return;
      }
      case 6:
        return transmit(i, Request{9, {{1, Request::either}}}, to);
      default: {
        auto early = std::make_shared<Certificate>();
        early->says = {9, VoteKind::nullify, {vote.view(), 0, {}}};
        return transmit(i, CertificatePtr(std::move(early)), to);
      }
    }
  }

  // Faults.

  struct Fault {
    enum class Kind : std::uint8_t {
      stops_one,
      stops_between_actions,
      stops_many,
      stops_all,
      parts,
      isolates,
      loses,
      doubles,
      delays,
      clocks,
      starves,
    };
    Kind kind = Kind::stops_one;
  };
  static constexpr unsigned fault_kinds = 11;

  void schedule_fault() {
    push({.at = now_ + prng_.between(20'000, 400'000), .kind = Event::Kind::fault});
  }

  void begin_fault() {
    if (healed_) return;
    if (result_.faults >= options_.faults && newest_view_ >= options_.views) return heal_all();
    const auto kind = static_cast<Fault::Kind>(prng_.below(fault_kinds));
    ++result_.faults;
    faults_.push_back({kind});
    const auto some = static_cast<std::size_t>(prng_.below(nodes_.size()));
    switch (kind) {
      case Fault::Kind::stops_one:
        stop(some);
        break;
      case Fault::Kind::stops_between_actions:
        nodes_[some].actions_left = static_cast<std::uint32_t>(prng_.below(30));
        break;
      case Fault::Kind::stops_many:
        for (Node& node : nodes_) {
          if (prng_.chance(0.5)) node.actions_left = static_cast<std::uint32_t>(prng_.below(60));
        }
        break;
      case Fault::Kind::stops_all:
        for (std::size_t i = 0; i < nodes_.size(); ++i)
          stop(i);
        break;
      case Fault::Kind::parts:
        for (Node& node : nodes_)
          node.group = static_cast<std::uint32_t>(prng_.below(2));
        break;
      case Fault::Kind::isolates:
        nodes_[some].group = 2;
        break;
      case Fault::Kind::loses:
        loss_ = prng_.unit() * 0.5;
        break;
      case Fault::Kind::doubles:
        doubles_ = prng_.unit();
        break;
      case Fault::Kind::delays:
        delay_times_ = prng_.between(2, 20);
        break;
      case Fault::Kind::clocks:
        for (Node& node : nodes_)
          node.clock = 0.2 + prng_.unit() * 3;
        break;
      case Fault::Kind::starves:
        for (Node& node : nodes_)
          node.starved = prng_.chance(0.6);
        break;
    }
    push({.at = now_ + prng_.between(50'000, 800'000),
          .kind = Event::Kind::heal,
          .slot = static_cast<std::uint32_t>(faults_.size() - 1)});
    schedule_fault();
  }

  void end_fault(std::uint32_t number) {
    switch (faults_[number].kind) {
      case Fault::Kind::parts:
      case Fault::Kind::isolates:
        for (Node& node : nodes_)
          node.group = 0;
        break;
      case Fault::Kind::loses:
        loss_ = 0;
        break;
      case Fault::Kind::doubles:
        doubles_ = 0;
        break;
      case Fault::Kind::delays:
        delay_times_ = 1;
        break;
      case Fault::Kind::clocks:
        for (Node& node : nodes_)
          node.clock = 1;
        break;
      case Fault::Kind::starves:
        for (Node& node : nodes_)
          node.starved = false;
        break;
      default:
        break;
    }
  }

  void heal_all() {
    healed_ = true;
    for (std::uint32_t number = 0; number < faults_.size(); ++number)
      end_fault(number);
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].actions_left = UINT32_MAX;
      boot(i);
    }
    healed_at_view_ = newest_view_;
    for (const Node& node : nodes_)
      healed_at_height_ = std::max(healed_at_height_, node.final_height);
  }

  // What must hold.

  void fail(bool is_safety, std::string what) {
    if (!result_.violation.empty()) return;
    result_.violation = std::move(what);
    result_.is_safety = is_safety;
  }

  /// All honest ones have come further; or it takes too long.
  bool is_done() {
    if (!healed_) return false;
    const bool all = std::ranges::all_of(nodes_, [&](const Node& node) {
      return !node.is_honest() || node.final_height >= healed_at_height_ + heights_wanted;
    });
    result_.views_to_heal = newest_view_ - healed_at_view_;
    const View most = 30 + set_->size();
    if (!all && result_.views_to_heal > most)
      fail(false, fmt::format("not final within {} views", most));
    return all;
  }

  void watch(const Vote& vote) {
    std::vector<Sent>& all = sent_[vote.by];
    if (vote.view() >= all.size()) all.resize(vote.view() + 1);
    Sent& before = all[vote.view()];
    bool twice = false;
    switch (vote.kind()) {
      case VoteKind::notarize:
        twice = before.notarize && *before.notarize != vote.says.about;
        before.notarize = vote.says.about;
        break;
      case VoteKind::nullify:
        twice = before.finalize.has_value();
        before.nullify = true;
        break;
      case VoteKind::finalize:
        twice = before.nullify || (before.finalize && *before.finalize != vote.says.about);
        before.finalize = vote.says.about;
        break;
    }
    if (twice) fail(true, fmt::format("an honest validator voted twice in view {}", vote.view()));
  }

  void on(std::size_t i, const Notarized& notarized) {
    if (!nodes_[i].is_honest()) return;
    const Proposal& about = notarized.certificate->says.about;
    if (notarized_.size() <= about.view) notarized_.resize(about.view + 1);
    Proposal& before = notarized_[about.view];
    if (before.view == 0)
      before = about;
    else if (before != about)
      fail(true, fmt::format("two payloads notarized in view {}", about.view));
  }

  void on(std::size_t i, const Finalized& is_final) {
    Node& node = nodes_[i];
    if (!node.is_honest()) return;
    std::uint32_t at = number_of(is_final.certificate->says.about.payload);
    // After a restart it may be told again.
    node.final_height = std::max(node.final_height, payloads_[at].height);
    while (!payloads_[at].is_final) {
      Payload& payload = payloads_[at];
      payload.is_final = true;
      if (!payload.valid) return fail(true, "an invalid payload is final");
      if (by_height_.size() <= payload.height) by_height_.resize(payload.height + 1, 0);
      if (by_height_[payload.height] != 0)
        return fail(true, fmt::format("two final payloads at height {}", payload.height));
      by_height_[payload.height] = at;
      at = payload.parent;
    }
  }

  void on(std::size_t i, const Accuse& accuse) {
    if (!nodes_[i].is_honest()) return;
    const ValidatorIndex accused = accuse.evidence->accused();
    if (!accuse.evidence->is_valid(*set_, verifier_))
      return fail(true, "evidence that proves nothing");
    if (nodes_[of_validator_[accused].front()].is_honest())
      return fail(true, "an honest validator is accused");
    result_.accused.set(accused);
  }

  WorldOptions options_;
  Prng prng_;
  WorldResult result_;
  std::shared_ptr<const ValidatorSet> set_;
  Options engine_options_;
  FakeVerifier verifier_;
  std::vector<Node> nodes_;
  std::vector<std::vector<std::uint16_t>> of_validator_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> queue_;
  std::uint32_t next_number_ = 0;
  Time now_ = 0;
  Actions actions_;
  std::vector<Held> messages_;
  std::vector<std::uint32_t> free_;
  std::vector<Payload> payloads_;
  std::vector<std::uint32_t> by_height_;
  std::vector<Proposal> parent_of_build_;
  std::vector<Verify> verifying_;
  std::vector<Proposal> notarized_;  ///< by view; view 0 in those that nobody has seen
  std::array<std::vector<Sent>, validators_max> sent_;
  std::vector<Fault> faults_;
  double loss_ = 0;
  double doubles_ = 0;
  Time delay_times_ = 1;
  bool healed_ = false;
  View newest_view_ = 0;
  View healed_at_view_ = 0;
  std::uint32_t healed_at_height_ = 0;
};

}  // namespace

WorldResult run_world(const WorldOptions& options) {
  return World(options).run();
}

}  // namespace kith::ledger::bft
