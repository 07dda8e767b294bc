"""The autopilot: diagnose the best network, change the space as the diagnosis prescribes, search again."""

import ikura

if __name__ == "__main__":
    study = ikura.tune("digits", trials=24, epochs=10, finalists=1, auto=True, out="runs/autopilot")
    for decision in study.decisions:
        print(decision.sentence)
    print(study.diagnosis.sentence)
    print(f"test accuracy: {study.test.value:.2f}")
