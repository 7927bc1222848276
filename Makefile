# Codriver. `make run` shows a spoken sentence move the simulated car;
# `make test` is the whole truth. Both install what is missing.

CACHE    := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/codriver
export CODRIVER_MODELS ?= $(CACHE)/models
export CODRIVER_PYTHON ?= $(CACHE)/venv/bin/python
export CODRIVER_MODEL_BUILDER ?= $(CURDIR)/catalog/models/builder
export CODRIVER_BIN_DIR ?= $(CURDIR)/target/release
export CODRIVER_PROVIDERS ?= $(CACHE)/providers
CARGO    ?= cargo
TRAINING := $(CACHE)/training-venv
PEER     := $(CACHE)/peer-venv
TRAINER   = PYTHONPATH=$(CURDIR)/catalog/models $(TRAINING)/bin/python -m trainer
INTENT_PACK ?= codriver-intent-gemma3-270m-q8
SPEECH_PACK := whisper-base-q8_0
NPU_PACK ?= codriver-intent-gemma3-270m-npu
SPLIT    ?= test
FUZZ_SECONDS ?= 300
SPEECH   ?= $(CACHE)/speech-venv
WAKE_SPEECH := $(CACHE)/wake/human
WAKE_SET := $(CURDIR)/target/bench/wake
SPEAKER   = cd nlu/training && PYTHONPATH=$(CURDIR)/catalog/models $(SPEECH)/bin/python -m trainer
PREFIX   ?= /usr
DESTDIR  ?=

.PHONY: help run test soak soak-ears fuzz bench bench-ears bench-peer bench-model test-npu test-own-npu calibrate npu-model npu-answers models models-small train train-prior hard train-recogniser hear wake bench-wake bench-words bench-endpoints bench-single-words bench-hearing-peer bench-encoder setup-wake setup-peer eval confidence eval-speech build setup-run setup-test setup-train setup-speech lint doc install install-files clean

help:
	@echo "make run          set up, build, speak a few requests to the simulated car, then take yours"
	@echo "make run MIC=1    the same with the real microphone"
	@echo "make test         set up, format, lint, all tests"
	@echo "make soak         nightly: 100,000 requests to a gateway under faults"
	@echo "make soak-ears    nightly: an hour of talk and noise that is not meant for the car"
	@echo "make fuzz         nightly: five minutes of every fuzz target"
	@echo "make bench        figures of every stage and of the whole way"
	@echo "make bench-ears   from the last word to the first frame, stage by stage"
	@echo "make models       fetch and convert the models"
	@echo "make train        corpus -> configs/adapters: 2.5 hours on two cores, minutes on a GPU"
	@echo "make hard         corpus -> target/bench/hard.jsonl: the lines that its other lines do not teach"
	@echo "make train-prior  corpus -> configs/adapters: the classifier beside the language model, three minutes"
	@echo "make train-recogniser  sentences spoken -> configs/adapters: whisper that knows what is said in a car"
	@echo "make eval         what the tiers understand of held-out sentences"
	@echo "make confidence   what the model's confidence is worth, fitted to the validation split"
	@echo "make eval-speech  the same through synthetic voices, noise and the recogniser"
	@echo "make hear         what the recogniser mishears of sentences for training, added to the corpus"
	@echo "make wake         PHRASE=\"hello car\": trains the head that listens for it, into configs/wake"
	@echo "make bench-wake   how well the wake phrases are heard, and how often by mistake"
	@echo "make bench-words  how many words are misheard, clean and in noise"
	@echo "make bench-endpoints  whether the first sound is kept, how often speech is cut off, how long its end is waited for"
	@echo "make bench-peer   the language model's speed beside llama.cpp"
	@echo "make calibrate    the ranges of the graph for NPUs, after every new adapter"
	@echo "make test-npu     nightly: the language model's answers on OpenVINO and Qualcomm's emulator"
	@echo "make bench-model  the language model by provider: load, prompt, token, memory; where the time goes"
	@echo "make doc          the reference documentation"
	@echo "make install      install into DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)"

run: setup-run models
	@$(CODRIVER_BIN_DIR)/codriver-demo $(if $(MIC),--microphone)

test: setup-test lint models models-small
	cd catalog/models && $(CODRIVER_PYTHON) -m unittest discover --quiet --top-level-directory . builder
	cd nlu/training && $(CODRIVER_PYTHON) -m unittest discover --quiet --top-level-directory . trainer
	cd nlu/training && PYTHONPATH=$(CURDIR)/catalog/models $(CODRIVER_PYTHON) -m trainer check >/dev/null
	$(CARGO) test --release --workspace --locked --no-fail-fast

# SOAK: options of codriver-soak, such as --minutes 120.
soak-ears: setup-wake setup-test models
	$(SPEAKER) wake-set --speech $(WAKE_SPEECH)/test --minutes 60 $(if $(NOISE),--noise $(NOISE)) --out $(CURDIR)/target/bench/talk >/dev/null
	$(CODRIVER_BIN_DIR)/codriver-soak --sounds $(CURDIR)/target/bench/talk $(SOAK)

soak:
	$(CARGO) test --release --locked --package codriver-vehicle-bus --test soak -- --ignored --nocapture

# FUZZ_SECONDS: how long each target runs. libFuzzer needs an instrumented build, which the stable
# compiler does when it is told that it may.
fuzz: setup-test
	@command -v cargo-fuzz >/dev/null || $(CARGO) install --locked cargo-fuzz
	cd vehicle-bus && for target in $$($(CARGO) fuzz list); do \
	  mkdir -p fuzz/corpus/$$target && \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --sanitizer none $$target \
	    fuzz/corpus/$$target fuzz/seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=2048 || exit 1; done

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets --locked -- -D warnings

bench: setup-test models
	$(CARGO) bench --workspace --locked
	$(CODRIVER_BIN_DIR)/codriver-latency

# EARS: options of codriver-latency, such as --utterances 99 or --setting CODRIVER__RECOGNISER__THREADS=1.
bench-ears: setup-test models
	$(CODRIVER_BIN_DIR)/codriver-latency --output $(CURDIR)/target/bench/ears.json $(EARS)

FEATURES = $(CARGO) bench --quiet --locked --workspace --bench features --

# INTENT_PACK: which language model; TRAIN: options of the trainer, such as --minutes or --start;
# LANGUAGES: those evaluated; PUBLIC: a folder of public text sets.
train: setup-train
	cd nlu/training && $(TRAINER) $(if $(PUBLIC),--public $(PUBLIC)) train --pack $(INTENT_PACK) --out $(CURDIR)/configs/adapters/$(INTENT_PACK).npz $(TRAIN)
	PYTHONPATH=catalog/models $(TRAINING)/bin/python -m builder pin $(INTENT_PACK)

# The lines of the corpus whose command its other lines do not tell; TRAIN="--hard $(CURDIR)/target/bench/hard.jsonl"
# has `make train` see them more often.
hard: setup-train
	cd nlu/training && $(TRAINER) hard --features "$(FEATURES)" --out $(CURDIR)/target/bench/hard.jsonl

# The classifier that has a say in which commands the language models name. TRAIN: options of the trainer.
# Afterwards every pack that holds it is pinned anew; what its answers are worth (`make confidence`) has to be, too.
train-prior: setup-train
	cd nlu/training && $(TRAINER) $(if $(PUBLIC),--public $(PUBLIC)) train-prior --features "$(FEATURES)" --out $(CURDIR)/configs/adapters/codriver-intent.prior.safetensors $(TRAIN)
	for pack in codriver-intent-gemma3-270m-q8 codriver-intent-gemma3-270m-npu codriver-intent-smollm2-135m-q8; do \
	  PYTHONPATH=catalog/models $(TRAINING)/bin/python -m builder pin $$pack || exit 1; done

# SPEAK: options of what is spoken, such as --sentences; NOISE: a folder of recorded noise (WAV);
# TRAIN: options of the trainer. Afterwards every pack of the same base is pinned anew.
train-recogniser: setup-speech setup-train
	$(SPEAKER) speak $(SPEAK)
	cd nlu/training && $(TRAINER) train-recogniser $(if $(NOISE),--noise $(NOISE)) --out $(CURDIR)/configs/adapters/$(SPEECH_PACK).npz $(TRAIN)
	PYTHONPATH=catalog/models $(TRAINING)/bin/python -m builder pin $(SPEECH_PACK)
	PYTHONPATH=catalog/models $(TRAINING)/bin/python -m builder pin whisper-base-q5_1

eval: setup-train models
	cd nlu/training && $(TRAINER) $(if $(PUBLIC),--public $(PUBLIC)) sets --split $(SPLIT) $(if $(LANGUAGES),--languages $(LANGUAGES)) $(if $(filter test,$(SPLIT)),--needs) --out $(CURDIR)/target/bench/held-out-$(SPLIT).jsonl
	$(CARGO) bench --locked --workspace --bench held_out -- $(INTENT_PACK) <target/bench/held-out-$(SPLIT).jsonl >target/bench/answers-$(SPLIT).jsonl
	cd nlu/training && $(TRAINER) tables $(CURDIR)/target/bench/answers-$(SPLIT).jsonl

# The line it ends with belongs into the pack's section of configs/models.toml; the table above it helps to choose thresholds.
confidence:
	@$(MAKE) --no-print-directory eval SPLIT=validation
	cd nlu/training && $(TRAINER) confidence $(CURDIR)/target/bench/answers-validation.jsonl

# NOISE: a folder of recorded noise (WAV); HEAR, SPOKEN: options of the trainer, such as --sentences.
hear: setup-speech models
	$(SPEAKER) hear $(if $(NOISE),--noise $(NOISE)) $(HEAR)

# How many words of sentences in voices never trained with are misheard.
bench-words: setup-speech models
	$(SPEAKER) spoken-sets --split $(SPLIT) $(if $(NOISE),--noise $(NOISE)) --out $(CURDIR)/target/bench/spoken-$(SPLIT).jsonl $(SPOKEN)
	$(SPEAKER) spoken-words $(CURDIR)/target/bench/spoken-$(SPLIT).jsonl

# Where the daemon begins and ends the same sentences; the recogniser's time counts, so on a quiet machine.
bench-endpoints: setup-speech models
	$(SPEAKER) endpoints --split $(SPLIT) $(if $(NOISE),--noise $(NOISE)) --out $(CURDIR)/target/bench/endpoints.jsonl $(SPOKEN)

eval-speech: bench-words
	$(CARGO) bench --locked --workspace --bench held_out -- $(INTENT_PACK) <target/bench/spoken-$(SPLIT).jsonl >target/bench/spoken-answers-$(SPLIT).jsonl
	$(SPEAKER) spoken-tables $(CURDIR)/target/bench/spoken-answers-$(SPLIT).jsonl

# PHRASE: what wakes; SAY: the same as voices read it rightly ("hey co-driver");
# NOISE: a folder of recorded noise (WAV); WAKE: options of the trainer, such as --seed.
wake: setup-wake models
	@test -n "$(PHRASE)" || { echo "codriver: name the phrase: make wake PHRASE=\"hello car\"" >&2; exit 1; }
	$(SPEAKER) wake --phrase "$(PHRASE)" $(if $(SAY),--spoken "$(SAY)") --out "$(CURDIR)/configs/wake/$$(echo "$(PHRASE)" | tr 'A-Z ' 'a-z-').onnx" \
	  --embedding $(CODRIVER_MODELS)/speech-embedding --speech $(WAKE_SPEECH)/train $(if $(NOISE),--noise $(NOISE)) $(WAKE)

# WAKE: options of the recordings, such as --minutes 30; HEADS=--heads leaves the recogniser out.
bench-wake: setup-wake models
	$(SPEAKER) wake-set --phrases "hello car" "hey codriver=hey co-driver" "你好小车" --speech $(WAKE_SPEECH)/test \
	  $(if $(NOISE),--noise $(NOISE)) --out $(WAKE_SET) $(WAKE) >$(WAKE_SET).txt
	$(CODRIVER_BIN_DIR)/codriverctl wake --lines $(HEADS) <$(WAKE_SET).txt >$(WAKE_SET).jsonl
	$(SPEAKER) wake-tables --out $(WAKE_SET) $(WAKE_SET).jsonl

calibrate: setup-train
	cd nlu/training && $(TRAINER) calibrate --pack $(NPU_PACK) --out $(CURDIR)/configs/adapters/$(NPU_PACK).ranges.npz
	PYTHONPATH=catalog/models $(TRAINING)/bin/python -m builder pin $(NPU_PACK)

# SENTENCES: how many a language; EMULATED: how many of both together the emulator is asked, so few that the
# one wrong answer which is allowed there is many percent. A run of the graph takes the emulator 8 s of a
# core, an answer some nine runs: 20 sentences and the four it is tried with first take half an hour.
SENTENCES ?= 1000
EMULATED  ?= 20
NPU      := target/bench/npu
HELD_OUT  = $(CARGO) bench --quiet --locked --workspace --bench held_out -- $(NPU_PACK)
COMPILED  = $(CARGO) bench --quiet --locked --workspace --bench compiled -- $(NPU_PACK)
PROVIDED := $(CURDIR)/nlu/benches/provided
ACCURACY  = cd nlu/training && $(TRAINER) accuracy $(CURDIR)/$(NPU)/cpu.jsonl

npu-model: setup-test setup-train build
	$(CODRIVER_BIN_DIR)/codriverctl models install onnxruntime $(NPU_PACK)

npu-answers: npu-model
	mkdir -p $(NPU)
	cd nlu/training && $(TRAINER) sets --sample $(SENTENCES) --out $(CURDIR)/$(NPU)/sentences.jsonl
	$(HELD_OUT) $(PROVIDED)/cpu.toml model <$(NPU)/sentences.jsonl >$(NPU)/cpu.jsonl

test-npu: npu-answers
	$(HELD_OUT) $(PROVIDED)/openvino.toml model <$(NPU)/sentences.jsonl >$(NPU)/openvino.jsonl
	$(ACCURACY) $(CURDIR)/$(NPU)/openvino.jsonl --at-least $(SENTENCES)
	$(COMPILED) $(PROVIDED)/qnn.toml
	head -n $(EMULATED) $(NPU)/sentences.jsonl >$(NPU)/emulated.jsonl
	$(HELD_OUT) $(PROVIDED)/qnn.toml model <$(NPU)/emulated.jsonl >$(NPU)/qnn.jsonl
	$(ACCURACY) $(CURDIR)/$(NPU)/qnn.jsonl --at-least $$(( $(EMULATED) / 2 )) --within $$(( 200 / $(EMULATED) + 1 ))

# PROVIDERS: a file like those in nlu/benches/provided, for an NPU of your own.
test-own-npu: npu-answers
	@test -f "$(PROVIDERS)" || { echo "codriver: name the file of the NPU: make test-own-npu PROVIDERS=my-npu.toml" >&2; exit 1; }
	$(HELD_OUT) $(abspath $(PROVIDERS)) model <$(NPU)/sentences.jsonl >$(NPU)/own.jsonl
	$(ACCURACY) $(CURDIR)/$(NPU)/own.jsonl --at-least $(SENTENCES)

# By provider, then beside llama.cpp on the same weights, then by part of the CPU graph.
bench-model: npu-model bench-peer
	for provider in '' $(PROVIDED)/openvino.toml; do \
	  $(CARGO) bench --quiet --locked --workspace --bench providers -- $(NPU_PACK) $$provider || exit 1; done
	cd nlu/training && $(TRAINER) shares --model $(CODRIVER_MODELS)/$(NPU_PACK)/model.onnx

# Tokens a second beside llama.cpp.
bench-peer: setup-peer models
	cd nlu/training && PYTHONPATH=$(CURDIR)/catalog/models $(PEER)/bin/python -m trainer peer --pack $(INTENT_PACK) \
	  --decode "$(CARGO) bench --quiet --locked --workspace --bench decode -- $(INTENT_PACK)"

# The recogniser's encoder on ONNX Runtime beside whisper.cpp's; PROVIDERS: its execution providers, by name.
bench-encoder: setup-train models build
	cd nlu/training && CODRIVER__MODELS__DIRECTORY=$(CODRIVER_MODELS) $(TRAINER) encoder \
	  --program $(CURDIR)/target/release/codriverctl $(if $(PROVIDERS),--providers $(PROVIDERS))

# Latency and misheard words beside faster-whisper on the same recordings; SPOKEN: options, such as --sentences.
bench-hearing-peer: setup-speech setup-peer models
	$(SPEAKER) hearing-peer --peer-python $(PEER)/bin/python $(if $(NOISE),--noise $(NOISE)) $(SPOKEN)

# WORDS: folders of single words said by real speakers, with a manifest.tsv (path, transcript, speaker, lang).
bench-single-words: setup-speech models
	$(SPEAKER) single-words $(WORDS)

build:
	$(CARGO) build --release --workspace --bins --locked

models: build
	@$(CODRIVER_BIN_DIR)/codriverctl models install

# The recognisers of small devices.
models-small: build
	@$(CODRIVER_BIN_DIR)/codriverctl models install whisper-base-q5_1 whisper-tiny.en-q8_0

setup-run:
	@tests/setup/install-packages tests/setup/packages-run.txt
	@command -v $(CARGO) >/dev/null || { echo "codriver: no cargo found; install a Rust toolchain (1.92 or newer) first" >&2; exit 1; }
	@tests/setup/python-environment >/dev/null

setup-peer: setup-run
	@test -x $(PEER)/bin/python || python3 -m venv $(PEER)
	$(PEER)/bin/python -m pip install --quiet --requirement nlu/training/requirements-peer.txt

setup-train: setup-run
	@test -x $(TRAINING)/bin/python || python3 -m venv $(TRAINING)
	@cmp -s nlu/training/requirements.txt $(TRAINING)/requirements.txt || { \
	  $(TRAINING)/bin/python -m pip install --quiet --requirement nlu/training/requirements.txt && \
	  cp nlu/training/requirements.txt $(TRAINING)/requirements.txt; }

# The locked versions are those of CPython 3.11.
setup-speech: setup-test
	@command -v npm >/dev/null || tests/setup/install-packages tests/setup/packages-speech.txt
	@test -x $(SPEECH)/bin/python || python3 -m venv $(SPEECH)
	@cmp -s nlu/training/requirements-speech.txt $(SPEECH)/requirements.txt || { \
	  $(SPEECH)/bin/python -m pip install --quiet --require-hashes --no-deps --requirement nlu/training/requirements-speech.txt && \
	  cp nlu/training/requirements-speech.txt $(SPEECH)/requirements.txt; }

setup-wake: setup-speech
	@tests/setup/install-packages tests/setup/packages-wake.txt
	@mkdir -p $(dir $(WAKE_SET))
	@$(SPEAKER) wake-prompts --out $(WAKE_SPEECH)

setup-test: setup-run
	@tests/setup/install-packages tests/setup/packages-test.txt
	@tests/setup/install-packages --where-known tests/setup/packages-head-unit.txt
	@[ "$$(uname -m)" != x86_64 ] || tests/setup/execution-providers >/dev/null

doc:
	$(CARGO) doc --workspace --no-deps --locked

install: build
	@$(MAKE) --no-print-directory install-files

# What is built already; the tests' virtual head unit is given exactly this.
install-files:
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/lib/codriver $(CODRIVER_BIN_DIR)/codriverd $(CODRIVER_BIN_DIR)/codriver-gatewayd
	install -D -m 755 -t $(DESTDIR)$(PREFIX)/bin $(CODRIVER_BIN_DIR)/codriverctl
	install -D -m 644 -t $(DESTDIR)/etc/codriver configs/*.toml
	install -D -m 644 -t $(DESTDIR)/etc/codriver/adapters configs/adapters/*
	install -D -m 644 -t $(DESTDIR)/etc/codriver/wake configs/wake/*
	install -D -m 644 -t $(DESTDIR)/etc/codriver/commands configs/commands/*.toml
	install -D -m 644 -t $(DESTDIR)/etc/codriver/languages configs/languages/*.toml
	install -D -m 644 -t $(DESTDIR)/etc/codriver/vehicles/demo configs/vehicles/demo/*
	install -D -m 644 -t $(DESTDIR)/etc/codriver/vehicles/demo-fd configs/vehicles/demo-fd/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system systemd/*.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/codriver/accelerators systemd/accelerators/*
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/sysusers.d systemd/sysusers.d/codriver.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/tmpfiles.d systemd/tmpfiles.d/codriver.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/udev/rules.d systemd/udev/60-codriver.rules
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/polkit-1/actions systemd/polkit/*.policy
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/polkit-1/rules.d systemd/polkit/*.rules
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/dbus-1/system.d systemd/dbus/*.conf
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/dbus-1/system-services systemd/dbus/*.service

clean:
	$(CARGO) clean
